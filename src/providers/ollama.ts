import { anthropicHeaders, anthropicSurface } from "./anthropic.ts";
import { ollamaError } from "./error-shape.ts";
import { composeFamily, type Protocol, type Surface } from "./family.ts";
import { carriesError, finding, finishReason, isUnfinished } from "./finding.ts";
import { at, holds, isObject, textAt } from "./json.ts";
import { LineWatcher } from "./lines.ts";
import { listProtocol } from "./list.ts";
import { openaiSurface } from "./openai.ts";
import type { Finding, RefusalReason } from "./provider.ts";
import type { Fold } from "./sse.ts";
import { ollamaUsage } from "./usage.ts";

/** Ollama's native API: a JSON object a line, and a stream unless the request says `stream: false`. */
const ollamaProtocol: Protocol = {
  name: "ollama",
  watch: (asked, contentType) => {
    const lines =
      /ndjson|jsonl/.test(contentType) || (asked.json?.stream !== false && !/json/.test(contentType));
    return lines ? new LineWatcher(new OllamaFold()) : undefined;
  },
  judge: (_asked, value) => {
    if (carriesError(value, ["done", "message", "response"])) return finding({ refusal: "error-body" });
    if (at(value, "done") === undefined) return finding({ model: textAt(value, "model") });
    const fold = new OllamaFold();
    fold.event("", value);
    const found = fold.finish();
    return found.refusal === "no-end-marker" ? { ...found, refusal: "unfinished" } : found;
  },
};

const vectors = listProtocol({ members: ["embeddings", "embedding"], usage: ollamaUsage });

const ollamaSurface: Surface = {
  path: /^\/api\/(.+)$/,
  endpoints: {
    chat: { kind: "chat", streamsByDefault: true, protocol: ollamaProtocol },
    generate: { kind: "generate", streamsByDefault: true, protocol: ollamaProtocol },
    embed: { kind: "embeddings", pure: true, protocol: vectors },
    embeddings: { kind: "embeddings", pure: true, protocol: vectors },
  },
  error: ollamaError,
};

export const ollamaFamily = composeFamily(
  "ollama",
  [ollamaSurface, anthropicSurface, openaiSurface()],
  ["openai-beta", ...anthropicHeaders],
);

const WORDS = new Set(["created_at", "message.content", "message.thinking", "response", "thinking"]);

export class OllamaFold implements Fold {
  #last: unknown;
  #model: string | undefined;
  #holds = false;

  get ended(): boolean {
    return this.#last !== undefined;
  }

  event(_name: string, value: unknown): boolean {
    this.#model = textAt(value, "model") ?? this.#model;
    const message = at(value, "message");
    const said = isObject(message) ? Object.entries(message).filter(([name]) => name !== "role") : [];
    if (said.some(([, part]) => holds(part))) this.#holds = true;
    // `image` is what image models answer with.
    if (["response", "thinking", "image"].some((name) => holds(at(value, name)))) this.#holds = true;
    if (at(value, "done") === true) this.#last = value;
    return false;
  }

  indifferent(value: unknown): ReadonlySet<string> | undefined {
    return at(value, "done") === true ? undefined : WORDS;
  }

  finish(): Finding {
    return finding({
      refusal: this.#refusal(),
      finishes: [finishReason(at(this.#last, "done_reason"))],
      usage: ollamaUsage(this.#last),
      model: this.#model,
    });
  }

  #refusal(): RefusalReason | undefined {
    if (this.#last === undefined) return "no-end-marker";
    // Absent in older versions, where `done` alone says it.
    const finish = finishReason(at(this.#last, "done_reason"));
    if (finish !== undefined && isUnfinished(finish)) return "unfinished";
    return this.#holds || finish === "length" ? undefined : "empty";
  }
}
