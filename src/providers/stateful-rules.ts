import type { EndpointKind } from "./provider.ts";

/** When a rule applies to a top-level member of the body. */
export type Condition =
  | { readonly is: true }
  /** Anything but absent, null, false, "" and an empty list. */
  | { readonly is: "set" }
  | { readonly is: "unset" }
  /** A string that matches, or a list with one. */
  | { readonly matches: RegExp }
  /** A list with an object whose `type` (or `id`, for plugins) matches. */
  | { readonly hasType: RegExp }
  /** A list with an object that has such a member. */
  | { readonly hasMember: RegExp }
  /** An object whose `tools` have a `systemTool` of such a name ("" for none). */
  | { readonly hasSystemTool: RegExp }
  /** An object with this member set, and (with `without`) another one not. */
  | { readonly sets: string; readonly without?: string };

/** Why a request is not cached though its endpoint is. Documentation and settings read this table. */
export interface StatefulRule {
  /** Its name: the word in `detail=`. */
  readonly word: string;
  /** `state`: the provider keeps or changes something. `live`: the answer depends on when it is asked. */
  readonly effect: "state" | "live";
  /** Protocols (`chat`, `responses`, `anthropic`, `google`, `cohere`, `ollama`, `list` …) whose bodies it is about. */
  readonly protocols: readonly string[];
  readonly kinds?: readonly EndpointKind[];
  /** Top-level member of the body. */
  readonly member: string;
  readonly when: Condition;
  readonly reason: string;
}

const OPENAI = ["chat", "responses"];
/** Whose bodies OpenRouter takes. */
const ROUTED = ["chat", "responses", "anthropic"];
/** OpenRouter takes `@preset/NAME` for a model, and at the end of one. */
const PRESET = /@preset\//;
const SEARCHING_MODEL = /-search(?:-|$)|deep-research|(?:^|\/)sonar|(?:^|\/)compound|:online(?::|$)/;
/** What OpenAI, xAI, Groq, Mistral and OpenRouter run by themselves; function and client tools are not among them. */
const HOSTED_TOOLS =
  /^(?:openrouter:)?(?:file_search|code_interpreter|code_execution|mcp|image_generation|shell|container_|computer|collections_search|document_library)/;
const SEARCH_TOOLS =
  /^(?:openrouter:)?(?:web_search|x_search|live_search|browser_search|news_search|web_fetch)/;

export const statefulRules: readonly StatefulRule[] = [
  {
    word: "background",
    effect: "state",
    protocols: ["responses"],
    member: "background",
    when: { is: true },
    reason: "The answer is only `queued`; it is fetched later by its id.",
  },
  {
    word: "conversation",
    effect: "state",
    protocols: ["responses"],
    member: "conversation",
    when: { is: "set" },
    reason: "The turn is appended to a conversation that the provider holds.",
  },
  {
    word: "previous-response",
    effect: "state",
    protocols: ["responses"],
    member: "previous_response_id",
    when: { is: "set" },
    reason: "Part of the input lies at the provider, and expires there.",
  },
  {
    word: "prompt-template",
    effect: "state",
    protocols: ["responses"],
    member: "prompt",
    when: { sets: "id", without: "version" },
    reason: "The prompt lies at the provider and may change; name its version to have it cached.",
  },
  ...["model", "models"].map((member) => ({
    word: "preset",
    effect: "state" as const,
    protocols: ROUTED,
    member,
    when: { matches: PRESET },
    reason: "The prompt and its options lie at the provider and may change.",
  })),
  {
    word: "preset",
    effect: "state",
    protocols: ROUTED,
    member: "preset",
    when: { is: "set" },
    reason: "The prompt and its options lie at the provider and may change.",
  },
  {
    word: "deferred",
    effect: "state",
    protocols: OPENAI,
    member: "deferred",
    when: { is: true },
    reason: "The answer is an id with which the completion is fetched later.",
  },
  {
    word: "hosted-tools",
    effect: "state",
    protocols: OPENAI,
    member: "tools",
    when: { hasType: HOSTED_TOOLS },
    reason: "The provider runs tools that have side effects or read what it stores.",
  },
  {
    word: "web-search",
    effect: "live",
    protocols: OPENAI,
    member: "tools",
    when: { hasType: SEARCH_TOOLS },
    reason: "The answer depends on what a search finds today.",
  },
  {
    word: "web-search",
    effect: "live",
    protocols: ["chat"],
    member: "web_search_options",
    when: { is: "set" },
    reason: "The answer depends on what a search finds today.",
  },
  {
    word: "web-search",
    effect: "live",
    protocols: OPENAI,
    member: "search_parameters",
    when: { is: "set" },
    reason: "xAI's live search.",
  },
  {
    word: "web-search",
    effect: "live",
    protocols: ["chat", "responses", "anthropic"],
    member: "plugins",
    when: { hasType: /^web/ },
    reason: "OpenRouter's web plugin.",
  },
  {
    word: "data-sources",
    effect: "live",
    protocols: ["chat"],
    member: "data_sources",
    when: { is: "set" },
    reason: "Azure answers from an index that changes.",
  },
  ...["model", "models"].map((member) => ({
    word: "searching-model",
    effect: "live" as const,
    protocols: ROUTED,
    member,
    when: { matches: SEARCHING_MODEL },
    reason: "A model that may answer searches the web by itself.",
  })),
  {
    word: "hosted-tools",
    effect: "state",
    protocols: ["anthropic"],
    member: "tools",
    when: { hasType: /^(?:code_execution_20|advisor_20|tool_search_|mcp_toolset)/ },
    reason:
      "Anthropic runs these tools; what the client runs (bash, text editor, memory, computer) is cached.",
  },
  {
    word: "web-search",
    effect: "live",
    protocols: ["anthropic"],
    member: "tools",
    when: { hasType: /^(?:web_search_20|web_fetch_20)/ },
    reason: "The answer depends on what the web holds today.",
  },
  {
    word: "mcp-servers",
    effect: "state",
    protocols: ["anthropic"],
    member: "mcp_servers",
    when: { is: "set" },
    reason: "The provider calls tools on other servers, with their side effects.",
  },
  {
    word: "container",
    effect: "state",
    protocols: ["anthropic"],
    member: "container",
    when: { is: "set" },
    reason: "Code runs in a container that keeps its state.",
  },
  {
    word: "thread",
    effect: "state",
    protocols: ["anthropic"],
    member: "thread",
    when: { is: "set" },
    reason: "The turn is appended to a thread that the provider holds.",
  },
  {
    word: "fallback-credit",
    effect: "state",
    protocols: ["anthropic"],
    member: "fallback_credit_token",
    when: { is: "set" },
    reason: "The token is spent by the request.",
  },
  {
    word: "web-search",
    effect: "live",
    protocols: ["google"],
    member: "tools",
    when: {
      hasMember:
        /^(?:google_?search|google_?search_?retrieval|url_?context|google_?maps|enterprise_?web_?search|retrieval)$/i,
    },
    reason: "Grounding: the answer depends on what is found today.",
  },
  {
    word: "hosted-tools",
    effect: "state",
    protocols: ["google"],
    member: "tools",
    when: { hasMember: /^(?:code_?execution|file_?search|mcp_?servers)$/i },
    reason: "Google runs these tools, or reads what it stores.",
  },
  {
    word: "web-search",
    effect: "live",
    protocols: ["converse", "invoke"],
    member: "toolConfig",
    when: { hasSystemTool: /^nova_grounding$/ },
    reason: "Amazon Nova's grounding: the answer depends on what the web holds today.",
  },
  {
    word: "hosted-tools",
    effect: "state",
    protocols: ["converse", "invoke"],
    member: "toolConfig",
    when: { hasSystemTool: /^(?!nova_grounding$)/ },
    reason: "Amazon runs these tools.",
  },
  {
    word: "continuation",
    effect: "state",
    protocols: ["google"],
    member: "continuationToken",
    when: { is: "set" },
    reason: "Goes on with an answer that broke off.",
  },
  {
    word: "conversation",
    effect: "state",
    protocols: ["cohere"],
    member: "conversation_id",
    when: { is: "set" },
    reason: "The turn is appended to a conversation that the provider holds.",
  },
  {
    word: "connectors",
    effect: "live",
    protocols: ["cohere"],
    member: "connectors",
    when: { is: "set" },
    reason: "The answer depends on what a search finds today.",
  },
  {
    word: "load-model",
    effect: "state",
    protocols: ["ollama"],
    kinds: ["generate"],
    member: "prompt",
    when: { is: "unset" },
    reason: "Without a prompt it loads or unloads a model.",
  },
  {
    word: "load-model",
    effect: "state",
    protocols: ["ollama"],
    kinds: ["chat"],
    member: "messages",
    when: { is: "unset" },
    reason: "Without messages it loads or unloads a model.",
  },
  {
    word: "classifier",
    effect: "state",
    protocols: ["list"],
    kinds: ["classify"],
    member: "classifier_id",
    when: { is: "set" },
    reason: "A classifier trained and kept at the provider may change.",
  },
];
