import { at, isObject, type JsonObject, listAt, textAt } from "./json.ts";
import type { Asked, RefusalReason } from "./provider.ts";

/** Where the APIs of embeddings have their inputs. */
const INPUTS = ["input", "inputs", "texts", "images", "requests", "content"];

const VERTEX = /(?::|%3[Aa])predict$/;

/**
 * Why an answer of embeddings does not answer its request: another number of vectors than of inputs, places that are
 * no order of them, or an error in place of a vector. Undefined too where either number can't be told.
 */
export function vectorsRefusal(asked: Asked, value: unknown): RefusalReason | undefined {
  const { endpoint, path, json } = asked;
  if (json === undefined) return undefined;
  if (endpoint.kind !== "embeddings")
    return VERTEX.test(path) ? predictionsRefusal(listAt(json, "instances"), value) : undefined;
  const inputs = inputsOf(json);
  return first(listsOf(value, json).map((list) => listRefusal(list, inputs)));
}

/** How many vectors are due; a string and a list of tokens are one input each. */
function inputsOf(json: JsonObject): { readonly count: number | undefined; readonly listed: boolean } {
  const given = INPUTS.map((name) => json[name]).filter((input) => input !== undefined && input !== null);
  const [input] = given;
  if (given.length !== 1) return { count: undefined, listed: false };
  if (typeof input === "string") return { count: 1, listed: false };
  if (!Array.isArray(input) || input.length === 0) return { count: undefined, listed: false };
  // A number among others is a token: the whole list is one prompt.
  if (input.some((one) => typeof one === "number")) return { count: 1, listed: false };
  return { count: input.length, listed: true };
}

/** The lists of an answer that have one element an input each. */
function listsOf(value: unknown, json: JsonObject): readonly (readonly unknown[])[] {
  if (Array.isArray(value)) return isBareAnswer(value, json) ? [value] : [];
  for (const name of ["data", "embeddings"]) {
    const vectors = at(value, name);
    if (Array.isArray(vectors)) return [vectors];
    // Cohere's, by type; one that was not asked for may be there and empty.
    if (isObject(vectors))
      return Object.values(vectors).filter((list) => Array.isArray(list) && list.length > 0) as unknown[][];
  }
  return [];
}

/** Of a text alone Hugging Face's list may be the vector itself, or one vector a token. */
function isBareAnswer(value: readonly unknown[], json: JsonObject): boolean {
  if (value.some((element) => isObject(element))) return true;
  const { inputs } = json;
  if (!Array.isArray(inputs)) return false;
  return inputs.length > 1 || typeof value[0] !== "number";
}

function listRefusal(
  list: readonly unknown[],
  inputs: ReturnType<typeof inputsOf>,
): RefusalReason | undefined {
  if (list.some(isFailed)) return "error-body";
  // To nothing but an empty text (Ollama's way to load a model) no vector can be an answer, if an empty one.
  if (list.length === 0 && !inputs.listed) return undefined;
  const { count } = inputs;
  if (count === undefined) return isNumbered(list) ? undefined : "incomplete";
  // One vector in place of a list of them, which may be as long.
  const bare = count > 1 && list.every((element) => typeof element === "number");
  return bare || list.length !== count || !isNumbered(list) ? "incomplete" : undefined;
}

function isFailed(element: unknown): boolean {
  if (element === null) return true;
  return isObject(element) && (element.embedding === null || Boolean(at(element, "error")));
}

/** Whether the elements' indexes, where there are any, are those of a list; some servers leave out a 0. */
function isNumbered(list: readonly unknown[]): boolean {
  if (list.every((element) => at(element, "index") === undefined)) return true;
  const seen = new Set(list.map((element) => at(element, "index") ?? 0));
  return seen.size === list.length && list.every((_, place) => seen.has(place));
}

/** Vertex AI's models of many kinds have one path; those of texts answer `embeddings`, one a text. */
function predictionsRefusal(instances: readonly unknown[], value: unknown): RefusalReason | undefined {
  const predictions = listAt(value, "predictions");
  if (instances.length === 0 || !instances.every((instance) => textAt(instance, "content") !== undefined))
    return undefined;
  if (!predictions.some((prediction) => at(prediction, "embeddings") !== undefined)) return undefined;
  if (predictions.some((prediction) => isFailed(prediction) || at(prediction, "embeddings") === null))
    return "error-body";
  return predictions.length === instances.length ? undefined : "incomplete";
}

function first(refusals: readonly (RefusalReason | undefined)[]): RefusalReason | undefined {
  return refusals.find((refusal) => refusal !== undefined);
}
