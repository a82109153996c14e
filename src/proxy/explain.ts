import type { Explainer } from "../cache/archive.ts";
import { asCacheKey } from "../cache/entry.ts";
import { ProxyError, proxyErrors } from "../errors.ts";
import type { Described, Explained, Near } from "../requests/kept.ts";
import { takeToken } from "./access.ts";
import { type Call, lookUpCall, readCall } from "./call.ts";
import { credentialLabel } from "./credential.ts";
import { whyBypassed } from "./explain-bypass.ts";
import { keyPartsOf, leftOutOf, poolName, readable } from "./explain-key.ts";
import { type Verdict, verdictOf } from "./explain-verdict.ts";
import type { Job } from "./flight.ts";
import { type Found, jobOf, keysOf, lookUp } from "./job.ts";
import { nearTo } from "./nearest.ts";
import type { ProxyParts } from "./parts.ts";
import { freshness, type Plan, planFor } from "./policy.ts";
import { type Question, readQuestion } from "./question.ts";
import { newRequest } from "./remember.ts";

const NEAREST = 3;
const NEAREST_PATIENCE_MS = 2_000;

/** Takes a described request through the stations of `handle.ts`, and changes nothing on the way. */
export function explainer(parts: ProxyParts): Explainer {
  return {
    async explain(described) {
      try {
        return await explain(parts, described);
      } catch (error) {
        if (!(error instanceof ProxyError)) throw error;
        return { ...NOTHING_KNOWN, would: error.code, why: error.message };
      }
    },
  };
}

const NOTHING_KNOWN: Explained = {
  would: "",
  why: "",
  detail: undefined,
  provider: undefined,
  endpoint: undefined,
  model: undefined,
  namespace: "",
  key: undefined,
  keyParts: [],
  leftOut: [],
  canonical: undefined,
  stored: undefined,
  nearest: [],
};

async function explain(parts: ProxyParts, described: Described): Promise<Explained> {
  const config = parts.config();
  const read = readCall(requestOf(described), {
    peer: { address: "-" },
    id: "-",
    config,
    clock: parts.clock,
    providers: parts.providers(),
    credentials: parts.credentials,
    loopId: parts.loopId,
  });
  const { pool } = described;
  const asked = pool === undefined ? read : { ...read, credential: { present: true, tag: pool } };
  const plan = planFor(asked, config, { recording: parts.recording() });
  const call = plan.lookUp ? lookUpCall(asked) : asked;
  const known = {
    ...NOTHING_KNOWN,
    provider: call.route.provider.name,
    endpoint: call.route.endpoint?.kind,
    namespace: call.controls.namespace,
  };
  const question =
    plan.bypass ??
    (described.body.byteLength > plan.maxRequest
      ? "too-large"
      : await readQuestion(call, described.body, {
          budget: parts.budget,
          host: parts.host,
          maxRequest: plan.maxRequest,
          settings: config,
        }));
  if (typeof question === "string") {
    return { ...known, ...(await whyBypassed(call, { plan, config, word: question, body: described.body })) };
  }
  return {
    ...known,
    ...(await explainCacheable(parts, call, { plan, question: digested(question, described) })),
  };
}

/** The description as a request; throws `invalid_request` where it can't be one. */
function requestOf({ method, path, headers, body }: Described): Request {
  const named = method.toUpperCase();
  const bare = named === "GET" || named === "HEAD";
  try {
    const url = path.startsWith("/") ? `http://localhost${path}` : path;
    return new Request(new URL(takeToken(url)?.url ?? url), {
      method: named,
      headers: { ...headers },
      ...(!bare && { body: body as BodyInit }),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw proxyErrors.invalidRequest(`This is no request: ${why}.`);
  }
}

/** The question with the digest of the body that was sent, where the one described is not all of it. */
function digested(question: Question, { digest }: Described): Question {
  return digest === undefined ? question : { ...question, digest };
}

interface Asking {
  readonly plan: Plan;
  readonly question: Question;
}

async function explainCacheable(
  parts: ProxyParts,
  call: Call,
  { plan, question }: Asking,
): Promise<Partial<Explained> & Verdict> {
  const config = parts.config();
  const { keyParts, upstream } = parts.memory.head(call, plan, config);
  const keys = keysOf(parts, call, { plan, keyParts, gist: question, peek: true });
  const job = jobOf(call, { keys, question, upstream, body: undefined, reserved: 0, askedIn: undefined });
  const found = lookUp(parts, call.controls, job);
  const verdict = await verdictOf(parts, call, { job, question, found });
  const entry = found?.entry ?? parts.store.get(job.key);
  const stored = entry && { storedAt: entry.storedAt, ...freshness(entry, plan, parts.clock.now()) };
  const answered = found === undefined || found.entry.key === job.key ? job : ownJob(job, found);
  const { canonical } = question;
  return {
    ...verdict,
    model: job.facts.model,
    key: answered.key,
    keyParts: keyPartsOf(answered, credentialLabel(call.credential)),
    leftOut: await leftOutOf(call, { job, question, config }),
    canonical: canonical && readable(canonical),
    stored: stored && { storedAt: stored.storedAt, ageMs: stored.ageMs, leftMs: stored.leftMs },
    nearest: entry === undefined && !ANSWERED.has(verdict.would) ? await nearest(parts, job, question) : [],
  };
}

/** Put together from the answers to its inputs: nothing is missing that another request could have. */
const ANSWERED: ReadonlySet<string> = new Set(["HIT", "PARTIAL"]);

/** The job whose answer lies in its credential's own pool. */
function ownJob(job: Job, { entry }: Found): Job {
  return { ...job, key: entry.key, facts: { ...job.facts, pool: entry.facts.pool } };
}

async function nearest(parts: ProxyParts, job: Job, { plain }: Question): Promise<readonly Near[]> {
  const request = newRequest(job, { body: plain });
  const options = { limit: NEAREST, except: job.key, patienceMs: NEAREST_PATIENCE_MS };
  const found = (await nearTo(parts, request, options)) ?? [];
  return found.map((near) => withPool(parts, job, near));
}

/** The same request in another pool differs by that alone, and would else be all the same. */
function withPool({ store }: Pick<ProxyParts, "store">, { facts }: Job, near: Near): Near {
  const key = asCacheKey(near.key);
  const pool = key && store.get(key)?.facts.pool;
  if (pool === undefined || pool === facts.pool) return near;
  const differs = { path: "pool", asked: poolName(facts.pool), stored: poolName(pool) };
  return { ...near, differences: [differs, ...near.differences] };
}
