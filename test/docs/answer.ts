/** The provider behind the pages: it says the same to the same question, in the shape that its path asks for. */
import { embedding, familyOf } from "../support/answers.ts";
import type { Handler } from "../support/provider.ts";

const MODELS = {
  object: "list",
  data: [{ id: "gpt-5-mini", object: "model", created: 1, owned_by: "openai" }],
};

export const answer: Handler = async (call) => {
  const text = await call.text();
  const said = (document: unknown) =>
    call.reply({ headers: { "Content-Type": "application/json" }, body: JSON.stringify(document) });
  if (call.method !== "POST") return said(MODELS);
  if (/embeddings$/.test(call.path)) {
    const { input } = JSON.parse(text) as { input: unknown };
    const inputs = Array.isArray(input) ? input : [input];
    const [one] = embedding.document.data;
    return said({ ...embedding.document, data: inputs.map((_, index) => ({ ...one, index })) });
  }
  const family = familyOf(call.path);
  const { model } = JSON.parse(text) as { model?: string };
  const named = (value: string) =>
    model === undefined ? value : value.replaceAll('"m-1"', JSON.stringify(model));
  const words = "to that";
  if (!/"stream":\s*true|streamGenerate/.test(text + call.path))
    return said(JSON.parse(named(JSON.stringify(family.document(words)))));
  await call.head({ headers: { "Content-Type": family.streamType } });
  for (const piece of family.events(words)) await call.chunk(named(piece));
  await call.end();
};
