import type { Config } from "../config.ts";
import type { Asked } from "../providers/provider.ts";
import { statefulRule } from "../providers/stateful.ts";
import type { Call } from "./call.ts";
import { readDocument } from "./document.ts";
import type { Verdict } from "./explain-verdict.ts";
import type { Plan } from "./policy.ts";

/** Why a request is passed on and not kept, by the word in `detail=`. */
const REASONS: Readonly<Record<string, string>> = {
  method: "Only POST requests are kept",
  endpoint: "This path is not known to compute its answer from the request alone",
  origin: "A page of another site asks, which never gets a stored answer (setting allowed_origins)",
  "no-store": "The request asks for neither reading nor storing",
  mode: "The mode is bypass",
  "too-large": "The body is over max_request",
  memory: "The bodies in flight take all of max_buffered",
  coding: "The body's content coding can't be undone",
};

export async function whyBypassed(
  call: Call,
  options: { plan: Plan; config: Config; word: string; body: Uint8Array },
): Promise<Verdict> {
  const { plan, word, config } = options;
  const why =
    word === "no-credential"
      ? `Under scope ${config.scope} a request without a credential is passed on`
      : (REASONS[word] ?? (await whyStateful(call, options)));
  if (plan.offline === "replay") {
    return { would: "replay_miss", why: `${why}, and mode replay calls no provider.`, detail: word };
  }
  if (plan.offline === "only-if-cached") {
    return {
      would: "only_if_cached_miss",
      why: `${why}, and the request says only-if-cached.`,
      detail: word,
    };
  }
  return { would: "BYPASS", why: `${why}.`, detail: word };
}

async function whyStateful(call: Call, options: { word: string; body: Uint8Array }): Promise<string> {
  const { word, body } = options;
  const { provider, endpoint, upstreamPath, query } = call.route;
  const document = await readDocument([body], body.byteLength);
  const protocol = provider.family.protocol(upstreamPath);
  const rule =
    endpoint && protocol !== undefined && document
      ? statefulRule(
          { endpoint, path: upstreamPath, query, json: document.value as Asked["json"] },
          { protocol, word },
        )
      : undefined;
  if (rule === undefined) return `This request is not kept: ${word}`;
  const what =
    rule.effect === "state"
      ? "This request asks the provider to keep or use state"
      : "Its answer depends on when it is asked";
  return `${what}: ${word} (member ${rule.member}). ${rule.reason.replace(/\.$/, "")}`;
}
