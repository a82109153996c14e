/** How what follows `/<provider>` becomes the path that the provider serves. */

export interface PathForms {
  /** Where the vendor keeps its API: `/v1`, `/openai/v1`; "" where it is the root. */
  readonly root: string;
  /** Other beginnings that clients send instead of it. */
  readonly aliases: readonly string[];
  /** First segments that the API has below its root: without a root before them they are the short form. */
  readonly resources: readonly string[];
  /** Rules of the provider's own, tried first: a path that matches becomes the replacement. */
  readonly rewrites?: readonly (readonly [from: RegExp, to: string])[];
}

/** What OpenAI and its copies have below `/v1`, whether it is cached or not: all of it has a short form. */
export const OPENAI_RESOURCES: readonly string[] = (
  "chat completions responses messages embeddings moderations images audio models files uploads batches " +
  "fine_tuning fine-tuning fine-tunes fine_tunings assistants threads vector_stores containers conversations evals " +
  "videos realtime organization rerank ranking classify classifications fim ocr agents conversations libraries batch " +
  "multimodalembeddings contextualizedembeddings segment tokenize-text score tcp_warming api-key language-models " +
  "image-generation-models skills chatkit graders generation key keys credits endpoints auth presets"
).split(" ");

/** The upstream path for one rest (with its leading slash, or empty): both forms of a request give the same. */
export function upstreamPath(rest: string, forms: PathForms): string {
  if (rest === "") return "/";
  for (const [from, to] of forms.rewrites ?? []) if (from.test(rest)) return rest.replace(from, to);
  if (forms.root !== "" && isBelow(rest, forms.root)) return rest;
  const alias = forms.aliases.find((name) => isBelow(rest, name));
  const short = alias === undefined ? rest : rest.slice(alias.length);
  const known = forms.resources.includes(short.split("/", 2)[1] ?? "");
  if (known || (alias !== undefined && forms.root !== "")) return forms.root + short;
  return rest;
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/**
 * The URL of a path at a provider: appended to its base, except for the whole segments at the path's beginning
 * with which the base already ends (`http://localhost:8000/v1`), the longest such run. The base is always the
 * beginning of the result, so no path leaves its host or climbs out of it.
 */
export function joinUrl(baseUrl: string, path: string): string {
  const base = baseOf(baseUrl);
  const wanted = path.split("/").slice(1);
  let shared = Math.min(base.segments.length, wanted.length);
  while (shared > 0 && !base.segments.slice(-shared).every((segment, i) => segment === wanted[i])) shared--;
  return [base.href, ...wanted.slice(shared)].join("/");
}

interface Base {
  /** Without a slash at its end. */
  readonly href: string;
  readonly segments: readonly string[];
}

/** Bases are few and each is joined with every request's path. */
const bases = new Map<string, Base>();

function baseOf(baseUrl: string): Base {
  const known = bases.get(baseUrl);
  if (known !== undefined) return known;
  const { origin, pathname } = new URL(baseUrl);
  const trimmed = pathname.replace(/\/+$/, "");
  const base = { href: origin + trimmed, segments: trimmed.split("/").slice(1) };
  bases.set(baseUrl, base);
  return base;
}
