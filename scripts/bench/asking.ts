/** What the requests of a burst case are, and what comes back where all is as the case means it. */
import { batchBody, CHAT, chatBody, EMBEDDINGS, NUMBER } from "./bodies.ts";
import type { BurstCase } from "./cases.ts";
import type { Peer } from "./peers.ts";
import type { Numbers } from "./wrk.ts";

/** The body of one case's requests; what `name` says keeps a burst's new ones apart from all others'. */
export function bodyOf(one: BurstCase, name: string): string {
  const stream = one.chunks === undefined ? {} : { stream: true };
  switch (one.kind) {
    case "partial":
      return batchBody(100, name);
    case "rewritten":
      return chatBody(one.prompt, "rewritten", { user: `${name}-${NUMBER}`, ...stream });
    default:
      return chatBody(one.prompt, name, stream);
  }
}

export function pathOf(one: BurstCase): string {
  return one.kind === "partial" ? EMBEDDINGS : CHAT;
}

/** How the requests of a burst go on. */
export function numbersOf(one: BurstCase, from = 0): Numbers {
  switch (one.kind) {
    case "hit":
      return one.keys === undefined ? { kind: "one" } : { kind: "cycle", keys: one.keys, from };
    case "joined":
      return { kind: "groups", of: one.connections ?? 1 };
    default:
      return { kind: "new" };
  }
}

/** nginx writes down in 16 bits where in a cached file the answer begins; its key, the whole prompt, stands before that. */
export const NGINX_PROMPT_MOST = 65_000;

/** What `X-Cache-Status` says where all is as the case means it. */
export function expected(one: BurstCase, peer: Peer): string {
  if (peer === "nginx" && one.prompt > NGINX_PROMPT_MOST) return "MISS";
  const askonce = peer === "source" || peer === "executable";
  if (one.kind === "hit") return "HIT";
  if (one.kind === "partial" && askonce) return "PARTIAL";
  return one.kind === "rewritten" && askonce ? "HIT" : "MISS";
}
