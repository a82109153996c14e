import { serveDesk } from "./desk-serve.ts";
import { openDatabase } from "./open.node.ts";

serveDesk(openDatabase);
