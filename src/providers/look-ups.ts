import type { Endpoint } from "./provider.ts";

/** A list of models (also `language-models` and the like) or one model; never what such a model is doing. */
const MODELS = /\/(?:[a-z-]+-)?models(?:\/(?!operations(?:\/|$))[^/]+){0,3}$/;
/** Ollama's own; `show` takes its question as a body. */
const OLLAMA = /\/api\/(?:tags|version)$/;

/** Whether a request only asks what there is, at every provider alike: harmless to keep and to answer again. */
export function isLookUp(method: string, upstreamPath: string): boolean {
  if (method === "POST") return upstreamPath === "/api/show";
  return method === "GET" && (MODELS.test(upstreamPath) || OLLAMA.test(upstreamPath));
}

/** How a look-up counts where it is kept. */
export const LOOK_UP: Endpoint = { kind: "other", pure: false };
