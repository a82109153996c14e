import { anthropicProtocol } from "./anthropic.ts";
import { chatProtocol } from "./chat.ts";
import { anthropicError, openrouterError } from "./error-shape.ts";
import type { Surface } from "./family.ts";
import { at } from "./json.ts";
import { listProtocol } from "./list.ts";
import { openaiFamily } from "./openai.ts";
import { openaiUsage } from "./usage.ts";

const images = listProtocol({
  members: ["data"],
  usage: (value) => openaiUsage(at(value, "usage")),
  done: ["image_generation.completed"],
});

/** OpenRouter keeps Anthropic's Messages beside OpenAI's endpoints, also without `/v1` before them. */
const messages: Surface = {
  path: /^\/api\/v1\/(messages)$/,
  endpoints: { messages: { kind: "messages", protocol: anthropicProtocol } },
  error: anthropicError,
};

const own: Surface = {
  path: /^\/api\/v1\/(.+)$/,
  endpoints: {
    images: { kind: "images", protocol: images },
    "chat/completions": { kind: "chat", protocol: chatProtocol() },
  },
  error: openrouterError,
};

export const openrouterFamily = openaiFamily({}, { first: [messages, own], headers: ["x-openrouter-*"] });
