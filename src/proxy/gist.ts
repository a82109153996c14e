import type { Asked, Endpoint } from "../providers/provider.ts";
import { jsonRules, type KeySettings } from "./body-digest.ts";
import { type CanonicalOptions, canonicalNow } from "./canonical.ts";
import { compactPieces } from "./compact.ts";
import { sha256Short, sha256Texts } from "./digest.ts";
import type { Gist } from "./job.ts";
import { modelOf } from "./question.ts";
import type { Route } from "./route.ts";

/** What is read at once: some 100 us at most. */
const SHORT_BYTES = 64 * 1024;
const DECODER = new TextDecoder();

/**
 * What a short JSON body says, in this turn of the loop: what `readQuestion` finds of it, for as much as that takes.
 * Undefined for any other, and for one that is not cacheable: those are read the long way.
 */
export function gistNow(route: Route, body: Uint8Array, settings: KeySettings): Gist | undefined {
  const { provider, endpoint, upstreamPath: path, query } = route;
  if (endpoint === undefined || body.byteLength > SHORT_BYTES || body[0] !== 0x7b) return undefined;
  const text = DECODER.decode(body);
  let json: Asked["json"];
  try {
    json = JSON.parse(text) as Asked["json"];
  } catch {
    return undefined;
  }
  const asked: Asked = { endpoint, path, query, json };
  const { family } = provider;
  if (family.stateful(asked, settings.cacheAnyway) !== undefined) return undefined;
  const rules = rulesOf(route, endpoint, settings);
  const canonical = compactPieces(body, { value: json, text }, rules) ?? canonicalNow(body, rules);
  if (canonical === undefined) return undefined;
  const sha256 = canonical instanceof Uint8Array ? sha256Short(canonical) : sha256Texts(canonical);
  return {
    digest: `json:${sha256}`,
    model: modelOf(asked),
    accountBound: family.accountBound(asked),
  };
}

/** Worked out once for the route of a head that is known, and again where the settings changed. */
function rulesOf(route: Route, endpoint: Endpoint, settings: KeySettings): CanonicalOptions {
  const known = RULES.get(route);
  if (known?.settings === settings) return known.rules;
  const { provider, upstreamPath: path } = route;
  const rules = jsonRules({ provider, endpoint, path, settings });
  RULES.set(route, { settings, rules });
  return rules;
}

const RULES = new WeakMap<Route, { readonly settings: KeySettings; readonly rules: CanonicalOptions }>();
