/** Which top-level members of a request hold what, over all families. */

/** Those whose elements or text are what was said and asked, the one that grows with a conversation first. */
export const CONVERSATION: readonly string[] = [
  "messages",
  "contents",
  "input",
  "inputs",
  "prompt",
  "chat_history",
  "message",
  "query",
  "question",
  "text",
  "texts",
  "content",
  "documents",
  "passages",
  "requests",
  "instances",
];

/** Instructions and what else a model is given to read beside the conversation. */
export const INSTRUCTIONS: readonly string[] = [
  "system",
  "instructions",
  "systemInstruction",
  "system_instruction",
  "preamble",
  "context",
  "suffix",
  "title",
];

export const READ_BY_MODEL: ReadonlySet<string> = new Set([...CONVERSATION, ...INSTRUCTIONS]);
