import { type Dialect, dialectOf } from "./dialect.ts";
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
  audio_url: own(),
  input_audio: own(),
  audio: own(),
  file: own(),
  source: own(),
  cache_control: CACHE_CONTROL,
  citations: own(),
});
/** A tool's result has content of its own. */
const CONTENT = list({ ...CONTENT_PART, members: { ...CONTENT_PART.members, content: list(CONTENT_PART) } });

const TOOL_CALL = own({ function: own() });

/** `parameters` and `input_schema` are schemas: what a model writes follows their order. */
const TOOL = own({ function: own(), cache_control: CACHE_CONTROL });

const MESSAGE = own({
  content: CONTENT,
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
  tool_choice: own({ function: own(), allowed_tools: own({ tools: list(TOOL_CALL) }) }),
  function_call: own(),
  response_format: RESPONSE_FORMAT,
  stream_options: own(),
  logit_bias: own(),
  audio: own(),
  prediction: own({ content: list(CONTENT_PART) }),
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
  context_management: own({ edits: list(own({ trigger: own(), keep: own(), clear_at_least: own() })) }),
});

const RESPONSES = own({
  input: list(own({ content: list(CONTENT_PART), output: list(CONTENT_PART), summary: list(own()) })),
  tools: list(TOOL),
  tool_choice: own(),
  reasoning: own(),
  text: own({ format: own() }),
  stream_options: own(),
  prompt: own(),
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
  video_metadata: own(),
});
const GOOGLE_CONTENT = own({ parts: list(GOOGLE_PART) });
const GOOGLE_TOOL = own({ functionDeclarations: list(own()), function_declarations: list(own()) });
const VOICE = own({ prebuiltVoiceConfig: own() });
const GENERATION_CONFIG = own({
  thinkingConfig: own(),
  thinking_config: own(),
  speechConfig: own({ voiceConfig: VOICE }),
  imageConfig: own(),
});
const GENERATE_MEMBERS = {
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
};
const GENERATE_CONTENT = own({
  ...GENERATE_MEMBERS,
  generateContentRequest: own(GENERATE_MEMBERS),
  generate_content_request: own(GENERATE_MEMBERS),
  requests: list(own({ content: GOOGLE_CONTENT })),
});

const OLLAMA = own({ messages: list(MESSAGE), tools: list(TOOL), options: own() });

/** Cohere's `response_format.json_schema` is the schema itself, and a model reads the `documents`. */
const COHERE = own({
  messages: list(MESSAGE),
  chat_history: list(own()),
  tools: list(TOOL),
  response_format: own(),
  citation_options: own(),
  thinking: own(),
  inputs: list(own({ content: list(CONTENT_PART) })),
});

/** Bedrock: `input` of a tool's use, `json` of its result and `inputSchema` are read by the model. */
const MEDIA = own({ source: own() });
const CONVERSE_PART = own({
  image: MEDIA,
  document: MEDIA,
  video: MEDIA,
  cachePoint: own(),
  toolUse: own(),
  toolResult: own({ content: list(own({ image: MEDIA, document: MEDIA })) }),
});
const CONVERSE = own({
  messages: list(own({ content: list(CONVERSE_PART) })),
  system: list(own({ cachePoint: own() })),
  inferenceConfig: own(),
  toolConfig: own({
    tools: list(own({ toolSpec: own(), cachePoint: own() })),
    toolChoice: own({ tool: own() }),
  }),
  guardrailConfig: own(),
  performanceConfig: own(),
});

/** Of all else only the top level is known to be the API's own. */
const TOP = own();

const OPENAI: Partial<Record<EndpointKind, Shape>> = {
  chat: CHAT,
  completions: own({ stream_options: own(), response_format: RESPONSE_FORMAT, logit_bias: own() }),
  embeddings: own({ inputs: list(own({ content: list(CONTENT_PART) })) }),
  moderations: own({ input: list(CONTENT_PART) }),
};

const BY_DIALECT: Readonly<Record<Dialect, Shape | undefined>> = {
  openai: undefined,
  responses: RESPONSES,
  anthropic: MESSAGES,
  google: GENERATE_CONTENT,
  cohere: COHERE,
  ollama: OLLAMA,
  converse: CONVERSE,
  // `grammar` below `parameters` may hold a schema.
  huggingface: own({ parameters: own(), options: own() }),
  other: TOP,
};

/** Which objects of a request to this upstream path have no order, and below which everything keeps its own. */
export function bodyShape(kind: EndpointKind, path: string): Shape {
  return BY_DIALECT[dialectOf(kind, path)] ?? OPENAI[kind] ?? TOP;
}

/** The places of free objects below a shape, for documentation: `messages[].content[]`; "" is the top level. */
export function freePlaces(shape: Shape, place = ""): string[] {
  const below = Object.entries(shape.members ?? {}).flatMap(([name, member]) =>
    freePlaces(member, place === "" ? name : `${place}.${name}`),
  );
  const items = shape.items ? freePlaces(shape.items, `${place}[]`) : [];
  return [...(shape.free ? [place] : []), ...below, ...items];
}
