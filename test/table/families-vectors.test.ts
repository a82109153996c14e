import assert from "node:assert/strict";
import { test } from "node:test";
import { vectorsRefusal } from "../../src/providers/vectors.ts";
import { asked } from "../support/families.ts";

type Asks = readonly [provider: string, path: string, request: Record<string, unknown>];

const texts = ["a", "b", "c"];
const vectors = (count: number) => Array.from({ length: count }, (_, i) => [i + 0.5, 1.25]);
const items = (...indexes: readonly (number | undefined)[]) =>
  indexes.map((index) => ({ object: "embedding", ...(index !== undefined && { index }), embedding: [0.5] }));
const numbered = (count: number) => ({
  object: "list",
  data: items(...Array.from({ length: count }, (_, i) => i)),
});

/** Requests for three inputs, and how an answer of so many vectors looks there. */
const three: readonly (readonly [asks: Asks, answer: (count: number) => unknown])[] = [
  [["openai", "/v1/embeddings", { input: texts }], numbered],
  [["openai", "/v1/embeddings", { input: [[1, 2], [3], [4]] }], numbered],
  [["mistral", "/v1/embeddings", { input: texts }], numbered],
  [
    ["jina", "/v1/embeddings", { input: [{ text: "a" }, { image: "b" }, "c"], late_chunking: true }],
    numbered,
  ],
  [["voyage", "/v1/embeddings", { input: texts, input_type: "query" }], numbered],
  [
    [
      "voyage",
      "/v1/multimodalembeddings",
      { inputs: texts.map((text) => ({ content: [{ type: "text", text }] })) },
    ],
    numbered,
  ],
  [
    ["voyage", "/v1/contextualizedembeddings", { inputs: [["a", "b"], ["c"], ["d"]] }],
    (count) => ({
      data: vectors(count).map((embedding, index) => ({ index, data: [{ index: 0, embedding }] })),
    }),
  ],
  [["ollama", "/api/embed", { input: texts }], (count) => ({ model: "m", embeddings: vectors(count) })],
  [
    ["google", "/v1beta/models/m:batchEmbedContents", { requests: [{}, {}, {}] }],
    (count) => ({ embeddings: vectors(count).map((values) => ({ values })) }),
  ],
  [
    ["cohere", "/v2/embed", { texts, embedding_types: ["float", "int8"] }],
    (count) => ({ id: "x", embeddings: { float: vectors(3), int8: vectors(count), binary: [] } }),
  ],
  [["cohere", "/v2/embed", { inputs: [{}, {}, {}] }], (count) => ({ embeddings: { float: vectors(count) } })],
  [["cohere", "/v1/embed", { texts }], (count) => ({ embeddings: vectors(count), texts })],
  [["huggingface", "/hf-inference/models/o/m/pipeline/feature-extraction", { inputs: texts }], vectors],
  [["llamacpp", "/embedding", { content: texts }], (count) => numbered(count).data],
  [
    ["vllm", "/pooling", { input: texts }],
    (count) => ({ data: vectors(count).map((data, index) => ({ index, data })) }),
  ],
  [
    [
      "google",
      "/v1/projects/p/locations/l/publishers/google/models/m:predict",
      { instances: texts.map((content) => ({ content })) },
    ],
    (count) => ({ predictions: vectors(count).map((values) => ({ embeddings: { values } })) }),
  ],
];

for (const [[provider, path, request], answer] of three) {
  test(`${provider} ${path} ${Object.keys(request)}: three inputs are answered by three vectors`, () => {
    const refusals = [1, 2, 3, 4].map((count) =>
      vectorsRefusal(asked(provider, path, request), answer(count)),
    );
    assert.deepEqual(refusals, ["incomplete", "incomplete", undefined, "incomplete"]);
  });
}

const ask = (request: Record<string, unknown>): Asks => ["openai", "/v1/embeddings", request];
const hugging = (inputs: unknown): Asks => [
  "huggingface",
  "/hf-inference/models/o/m/pipeline/feature-extraction",
  { inputs },
];
const IMAGES = "/v1/projects/p/locations/l/publishers/google/models/imagen:predict";

const cases: readonly (readonly [title: string, asks: Asks, answer: unknown, refusal: string | undefined])[] =
  [
    ["one text, one vector", ask({ input: "a" }), numbered(1), undefined],
    ["one text, two vectors", ask({ input: "a" }), numbered(2), "incomplete"],
    ["one list of tokens, one vector", ask({ input: [1, 2, 3] }), numbered(1), undefined],
    ["one list of tokens, three vectors", ask({ input: [1, 2, 3] }), numbered(3), "incomplete"],
    ["three texts, none", ask({ input: texts }), numbered(0), "incomplete"],
    ["in another order", ask({ input: texts }), { data: items(2, 0, 1) }, undefined],
    ["without indexes", ask({ input: texts }), { data: items(undefined, undefined, undefined) }, undefined],
    ["with a 0 left out", ask({ input: texts }), { data: items(undefined, 1, 2) }, undefined],
    ["with an index twice", ask({ input: texts }), { data: items(0, 0, 2) }, "incomplete"],
    ["with an index left out", ask({ input: texts }), { data: items(0, undefined, 2) }, "incomplete"],
    ["with an index past the end", ask({ input: texts }), { data: items(0, 1, 3) }, "incomplete"],
    [
      "with no vector for one",
      ask({ input: ["a", "b"] }),
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 1, embedding: null },
        ],
      },
      "error-body",
    ],
    [
      "with an error for one",
      ask({ input: ["a", "b"] }),
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 1, error: { message: "too long" } },
        ],
      },
      "error-body",
    ],
    [
      "with error: null for each",
      ask({ input: ["a"] }),
      { data: [{ index: 0, embedding: [1], error: null }] },
      undefined,
    ],
    ["in base64", ask({ input: ["a"] }), { data: [{ index: 0, embedding: "AAAA" }] }, undefined],
    [
      "several kinds of vector",
      ask({ input: ["a"] }),
      { data: [{ index: 0, embeddings: [[1], [2]] }] },
      undefined,
    ],
    ["vLLM's messages", ["vllm", "/v1/embeddings", { messages: [{}, {}] }], numbered(1), undefined],
    ["Ollama's one text", ["ollama", "/api/embed", { input: "a" }], { embeddings: vectors(1) }, undefined],
    ["Ollama's null", ["ollama", "/api/embed", { input: "a" }], { embeddings: [null] }, "error-body"],
    [
      "Ollama's old endpoint",
      ["ollama", "/api/embeddings", { prompt: "a" }],
      { embedding: [1, 2] },
      undefined,
    ],
    [
      "Google's one content",
      ["google", "/v1beta/models/m:embedContent", { content: { parts: [{ text: "a" }] } }],
      { embedding: { values: [1, 2] } },
      undefined,
    ],
    ["Hugging Face: a text's vector", hugging("a"), [1, 2, 3], undefined],
    ["Hugging Face: a text's vectors of tokens", hugging("a"), vectors(5), undefined],
    ["Hugging Face: one text in a list, its vector bare", hugging(["a"]), [1, 2, 3], undefined],
    ["Hugging Face: two texts, one vector", hugging(["a", "b"]), [1, 2], "incomplete"],
    ["Hugging Face: two texts, vectors of tokens", hugging(["a", "b"]), [vectors(4), vectors(7)], undefined],
    [
      "llama.cpp: one prompt of tokens and texts",
      ["llamacpp", "/embedding", { content: ["a", 12, "b"] }],
      numbered(1).data,
      undefined,
    ],
    [
      "Vertex: four images of one prompt",
      ["google", IMAGES, { instances: [{ prompt: "a" }] }],
      { predictions: [{}, {}] },
      undefined,
    ],
    [
      "Vertex: one text's error",
      ["google", IMAGES, { instances: [{ content: "a" }, { content: "b" }] }],
      { predictions: [{ embeddings: { values: [1] } }, { error: { code: 3 } }] },
      "error-body",
    ],
    ["no list at all", ask({ input: ["a"] }), { result: "fine" }, undefined],
    ["another endpoint", ["openai", "/v1/rerank", { input: ["a"] }], numbered(3), undefined],
  ];

for (const [title, [provider, path, request], answer, refusal] of cases) {
  test(`${provider} ${path}: ${title} is ${refusal ? `refused as ${refusal}` : "kept"}`, () => {
    assert.equal(vectorsRefusal(asked(provider, path, request), answer), refusal);
  });
}
