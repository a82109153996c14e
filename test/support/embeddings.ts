/** A provider of embeddings whose answers follow from each input alone, written as real ones write JSON. */
import { createHash } from "node:crypto";

export type Style = "compact" | "spaced" | "pretty";

/** JSON as JavaScript's, Python's and Go's servers print it, by default and indented. */
export function print(value: unknown, style: Style): string {
  if (style === "pretty") return `${JSON.stringify(value, null, 2)}\n`;
  if (style === "compact") return JSON.stringify(value);
  return spaced(value);
}

function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}: ${spaced(member)}`)
    .join(", ")}}`;
}

/** Numbers that depend on the input and on nothing else. */
export function vectorOf(input: unknown, options: { seed?: string; length?: number } = {}): number[] {
  const { seed = "", length = 4 } = options;
  const hash = createHash("sha256")
    .update(`${seed}\n${JSON.stringify(input)}`)
    .digest();
  const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
  return Array.from({ length }, (_, i) => (view.getUint16((2 * i) % 30) - 32768) / (65536 + i));
}

export function base64Of(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString("base64");
}

/** Tokens as the provider counts them: any fixed function of the input. */
export function tokensOf(input: unknown): number {
  return Array.isArray(input) ? input.length : 1 + (JSON.stringify(input).length % 7);
}

export interface Asked {
  readonly input: unknown;
  readonly model?: string;
  readonly encoding_format?: string;
  readonly [more: string]: unknown;
}

/** The inputs of an OpenAI-like request: a list of numbers is one. */
export function inputsOf(input: unknown): readonly unknown[] {
  return Array.isArray(input) && typeof input[0] !== "number" ? input : [input];
}

/** The answer of an OpenAI-like API. */
export function openaiAnswer(asked: Asked, seed = ""): object {
  const inputs = inputsOf(asked.input);
  const tokens = inputs.reduce<number>((sum, input) => sum + tokensOf(input), 0);
  const coded = (input: unknown) => {
    const vector = vectorOf(input, { seed: seed + String(asked.dimensions ?? "") });
    return asked.encoding_format === "base64" ? base64Of(vector) : vector;
  };
  return {
    object: "list",
    data: inputs.map((input, index) => ({ object: "embedding", index, embedding: coded(input) })),
    model: `${asked.model ?? "m"}-v1`,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
