import { serveDesk } from "./desk-serve.ts";
import { openDatabase } from "./open.bun.ts";

serveDesk({ openDatabase, collect: () => Bun.gc(true) });
