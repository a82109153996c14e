import { serveDesk } from "./desk-serve.ts";
import { openDatabase } from "./open.node.ts";

/** As in `main.deno.ts`: an ordinary collection keeps the pages of large bodies for half a minute more. */
const THOROUGH = { type: "major", execution: "sync", flavor: "last-resort" };

serveDesk({
  openDatabase,
  // Present where Deno runs with --v8-flags=--expose-gc, as `deno task start` does.
  collect: () => (globalThis as { gc?: (how: object) => void }).gc?.(THOROUGH),
});
