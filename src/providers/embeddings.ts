import type { Asked } from "./provider.ts";

/** What one input may be: a string, a list of token numbers, or an object (text, picture …). */
export type InputKind = "text" | "tokens" | "object";

/**
 * How the requests and the answers of one endpoint hold many inputs, where each input's vector depends on nothing
 * but itself and the rest of the request, and where an answer of many can be put together from answers of one.
 */
export interface BatchShape {
  /** The request's top-level member that lists the inputs. */
  readonly inputs: string;
  readonly kinds: readonly InputKind[];
  /** The answer's top-level member with one element an input. */
  readonly vectors: string;
  /** Top-level members of the answer whose numbers add up over the inputs. */
  readonly counts: readonly string[];
  /** Top-level members of the request that, when true, make one text of all inputs. */
  readonly joint: readonly string[];
  /** Where one input has an endpoint of its own: its input is the whole request, its vector a member of the answer. */
  readonly single?: { readonly path: string; readonly vector: string; readonly model: string };
}

/** What a request asks for: a list of inputs, or the one input of `BatchShape.single`. */
export interface BatchForm {
  readonly shape: BatchShape;
  readonly listed: boolean;
}

/** OpenAI and all who copied it; a flat list of numbers is one input. */
const OPENAI: BatchShape = {
  inputs: "input",
  kinds: ["text", "tokens", "object"],
  vectors: "data",
  counts: ["usage"],
  joint: ["late_chunking"],
};

/** Voyage: pictures and texts, one object an input. */
const MULTIMODAL: BatchShape = { ...OPENAI, inputs: "inputs", kinds: ["object"] };

/** Ollama's own; its durations are those of whichever call the answer's frame is taken from. */
const OLLAMA: BatchShape = {
  inputs: "input",
  kinds: ["text"],
  vectors: "embeddings",
  counts: ["prompt_eval_count"],
  joint: [],
};

const GOOGLE = /^(.*\/([^/]+?)(?::|%3[Aa]))(batchEmbedContents|embedContent)$/;

/**
 * Which requests can be kept per input; undefined for what is kept whole. Cohere's answers have an id and a bill of
 * the call and repeat its texts, Hugging Face's are bare lists whose depth follows the input's, and the chunks of
 * `contextualizedembeddings` depend on their neighbours.
 */
export function batchForm(asked: Asked): BatchForm | undefined {
  const { path, json, endpoint } = asked;
  if (endpoint.kind !== "embeddings" || json === undefined) return undefined;
  const google = GOOGLE.exec(path);
  if (google !== null) {
    const [, start = "", model = "", verb] = google;
    const shape: BatchShape = {
      inputs: "requests",
      kinds: ["object"],
      vectors: "embeddings",
      counts: ["usageMetadata"],
      joint: [],
      single: { path: `${start}embedContent`, vector: "embedding", model },
    };
    return { shape, listed: verb === "batchEmbedContents" };
  }
  const shape = shapeOf(path);
  if (shape === undefined || shape.joint.some((name) => json[name] === true)) return undefined;
  return { shape, listed: true };
}

function shapeOf(path: string): BatchShape | undefined {
  if (path.endsWith("/api/embed")) return OLLAMA;
  if (path.endsWith("/multimodalembeddings")) return MULTIMODAL;
  return path.endsWith("/embeddings") ? OPENAI : undefined;
}
