import type { EndpointKind } from "./provider.ts";
import type { Shape } from "./shape.ts";

/** An object of the API's own. Members without a shape of their own keep the order below them. */
const own = (members: Readonly<Record<string, Shape>> = {}): Shape => ({ free: true, members });
const list = (items: Shape): Shape => ({ items });

const CACHE_CONTROL = own();

/** A piece of content, of whatever type: texts, images, sounds, files and their sources. */
const CONTENT_PART = own({
  image_url: own(),
  video_url: own(),
  input_audio: own(),
  audio: own(),
  file: own(),
  source: own(),
  cache_control: CACHE_CONTROL,
  citations: own(),
});

const TOOL_CALL = own({ function: own() });

/** `parameters` and `input_schema` are schemas: what a model writes follows their order. */
const TOOL = own({ function: own(), cache_control: CACHE_CONTROL });

const MESSAGE = own({
  content: list({ ...CONTENT_PART, members: { ...CONTENT_PART.members, content: list(CONTENT_PART) } }),
  tool_calls: list(TOOL_CALL),
  function_call: own(),
  audio: own(),
  cache_control: CACHE_CONTROL,
});

/** `schema` below it is a schema. */
const RESPONSE_FORMAT = own({ json_schema: own() });

const CHAT = own({
  messages: list(MESSAGE),
  tools: list(TOOL),
  functions: list(own()),
  tool_choice: own({ function: own(), allowed_tools: own() }),
  function_call: own(),
  response_format: RESPONSE_FORMAT,
  stream_options: own(),
  audio: own(),
  prediction: own(),
  reasoning: own(),
  thinking: own(),
  web_search_options: own({ user_location: own({ approximate: own() }) }),
  provider: own(),
  usage: own(),
});

const MESSAGES = own({
  messages: list(MESSAGE),
  system: list(CONTENT_PART),
  tools: list(TOOL),
  tool_choice: own(),
  thinking: own(),
  output_config: own({ format: own() }),
  output_format: own(),
  cache_control: CACHE_CONTROL,
  context_management: own(),
});

const RESPONSES = own({
  input: list(own({ content: list(CONTENT_PART), output: list(CONTENT_PART), summary: list(own()) })),
  tools: list(TOOL),
  tool_choice: own(),
  reasoning: own(),
  text: own({ format: own() }),
  stream_options: own(),
});

const GOOGLE_PART = own({
  inlineData: own(),
  inline_data: own(),
  fileData: own(),
  file_data: own(),
  functionCall: own(),
  function_call: own(),
  functionResponse: own(),
  function_response: own(),
  videoMetadata: own(),
});
const GOOGLE_CONTENT = own({ parts: list(GOOGLE_PART) });
const GOOGLE_TOOL = own({ functionDeclarations: list(own()), function_declarations: list(own()) });
const GENERATION_CONFIG = own({
  thinkingConfig: own(),
  speechConfig: own({ voiceConfig: own({ prebuiltVoiceConfig: own() }) }),
  imageConfig: own(),
});
const GENERATE_CONTENT = own({
  contents: list(GOOGLE_CONTENT),
  content: GOOGLE_CONTENT,
  systemInstruction: GOOGLE_CONTENT,
  system_instruction: GOOGLE_CONTENT,
  generationConfig: GENERATION_CONFIG,
  generation_config: GENERATION_CONFIG,
  safetySettings: list(own()),
  safety_settings: list(own()),
  tools: list(GOOGLE_TOOL),
  toolConfig: own({ functionCallingConfig: own() }),
  tool_config: own({ function_calling_config: own() }),
  generateContentRequest: own({ contents: list(GOOGLE_CONTENT), systemInstruction: GOOGLE_CONTENT }),
  requests: list(own({ content: GOOGLE_CONTENT })),
});

const OLLAMA = own({ messages: list(MESSAGE), tools: list(TOOL), options: own() });

/** Of all else only the top level is known to be the API's own. */
const TOP = own();

const BY_KIND: Partial<Record<EndpointKind, Shape>> = {
  chat: CHAT,
  completions: own({ stream_options: own(), response_format: RESPONSE_FORMAT }),
  messages: MESSAGES,
  count_tokens: MESSAGES,
  responses: RESPONSES,
};

/** Which objects of a request to this upstream path have no order, and below which everything keeps its own. */
export function bodyShape(kind: EndpointKind, path: string): Shape {
  if (/:[A-Za-z]+$/.test(path)) return GENERATE_CONTENT;
  if (/\/api\/(?:chat|generate|embed|embeddings)$/.test(path)) return OLLAMA;
  return BY_KIND[kind] ?? TOP;
}
