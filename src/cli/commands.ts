import type { Command } from "./command.ts";
import { completions } from "./commands/completions.ts";
import { config } from "./commands/config.ts";
import { doctor } from "./commands/doctor.ts";
import { env } from "./commands/env.ts";
import { explain } from "./commands/explain.ts";
import { exportCommand } from "./commands/export.ts";
import { forget } from "./commands/forget.ts";
import { health } from "./commands/health.ts";
import { importCommand } from "./commands/import.ts";
import { ls } from "./commands/ls.ts";
import { purge } from "./commands/purge.ts";
import { rm } from "./commands/rm.ts";
import { run } from "./commands/run.ts";
import { serve } from "./commands/serve.ts";
import { service } from "./commands/service.ts";
import { show } from "./commands/show.ts";
import { stats } from "./commands/stats.ts";
import { tail } from "./commands/tail.ts";
import { token } from "./commands/token.ts";

/** The one table of commands: reading, help, completions and the README are made from it. */
export const commands: readonly Command[] = [
  serve,
  run,
  env,
  stats,
  tail,
  ls,
  show,
  rm,
  purge,
  forget,
  explain,
  exportCommand,
  importCommand,
  config,
  doctor,
  health,
  token,
  service,
  completions,
];
