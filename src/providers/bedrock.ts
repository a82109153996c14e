import { namesAccountState } from "./bound.ts";
import { bedrockError } from "./error-shape.ts";
import { FrameReader } from "./eventstream.ts";
import { composeFamily, type Protocol, type Surface } from "./family.ts";
import { carriesError, finding, finishReason, isOrdinary, isUnfinished, ToolArguments } from "./finding.ts";
import { judgeUnknown, SniffFold } from "./generic.ts";
import { at, countAt, holds, isObject, parseJson } from "./json.ts";
import { listProtocol } from "./list.ts";
import { openaiSurface } from "./openai.ts";
import type { Family, Finding, RefusalReason, Usage, Watcher } from "./provider.ts";
import { bedrockUsage, invocationMetrics } from "./usage.ts";

const FRAMES = "application/vnd.amazon.eventstream";

const converseProtocol: Protocol = {
  name: "converse",
  watch: (_asked, contentType) => (contentType === FRAMES ? new ConverseWatcher() : undefined),
  judge: (_asked, value) => {
    const found = { usage: bedrockUsage(at(value, "usage")), accountBound: namesAccountState(value) };
    return finding({
      ...found,
      refusal: converseRefusal(value),
      finishes: [finishReason(at(value, "stopReason"))],
    });
  },
};

/** The answer is whatever the model's maker has it look like. */
const invokeProtocol: Protocol = {
  name: "invoke",
  watch: (asked, contentType) =>
    contentType === FRAMES ? new InvokeWatcher(new SniffFold(asked)) : undefined,
  judge: (_asked, value, shortened) =>
    isFailure(value) ? finding({ refusal: "error-body" }) : judgeUnknown(value, shortened),
};

const surface: Surface = {
  path: /^\/model\/[^/]+\/([a-z-]+)$/,
  endpoints: {
    converse: { kind: "chat", protocol: converseProtocol },
    "converse-stream": { kind: "chat", protocol: converseProtocol },
    invoke: { kind: "other", protocol: invokeProtocol },
    "invoke-with-response-stream": { kind: "other", protocol: invokeProtocol },
    "count-tokens": {
      kind: "count_tokens",
      pure: true,
      protocol: listProtocol({ members: [], usage: () => undefined }),
    },
  },
  error: bedrockError,
};

/** `/openai/v1` there speaks OpenAI's shapes. */
export const bedrockFamily: Family = {
  ...composeFamily("bedrock", [surface, openaiSurface()], ["x-amzn-bedrock-*"]),
  // The model's maker decides what it can answer with: an image or JSON that holds one.
  negotiates: (path) => /^\/model\/[^/]+\/invoke(?:-with-response-stream)?$/.test(path),
};

/** Bedrock's errors are a message in words and nothing else. */
function isFailure(value: unknown): boolean {
  return (
    isObject(value) &&
    Object.keys(value).every((name) => name === "message" || name === "__type") &&
    holds(value)
  );
}

function converseRefusal(value: unknown): RefusalReason | undefined {
  if (carriesError(value, ["output", "stopReason"]) || isFailure(value)) return "error-body";
  const content = at(value, "output", "message", "content");
  if (!Array.isArray(content)) return undefined;
  return finishRefusal(finishReason(at(value, "stopReason")), content.some(saysSomething));
}

function finishRefusal(finish: string | undefined, something: boolean): RefusalReason | undefined {
  if (finish === undefined) return "no-finish-reason";
  if (isUnfinished(finish)) return "unfinished";
  return !something && isOrdinary(finish) ? "empty" : undefined;
}

function saysSomething(block: unknown): boolean {
  if (!isObject(block)) return false;
  return Object.entries(block).some(([name, value]) => (name === "text" ? holds(value) : value !== null));
}

/** Frames in, findings out; exceptions and damage are refused here for both kinds of stream. */
abstract class FrameWatcher implements Watcher {
  readonly #frames = new FrameReader((frame) => {
    const kind = frame.headers[":message-type"];
    if (kind === "exception" || kind === "error") this.#failed = true;
    else this.take(frame.headers[":event-type"] ?? "", parseJson(new TextDecoder().decode(frame.payload)));
  });
  #failed = false;
  /** Its streams name nothing that one account holds. */
  readonly accountBound = false;

  abstract get ended(): boolean;
  protected abstract take(event: string, value: unknown): void;
  protected abstract conclude(): Finding;

  chunk(bytes: Uint8Array): void {
    this.#frames.feed(bytes);
  }

  finish(): Finding {
    const found = this.conclude();
    if (this.#failed) return { ...found, refusal: "error-event" };
    return this.#frames.damaged || this.#frames.partial ? { ...found, refusal: "incomplete" } : found;
  }
}

/** ConverseStream: `messageStop` with its reason, then `metadata`, which comes last. */
class ConverseWatcher extends FrameWatcher {
  readonly #arguments = new ToolArguments();
  #finish: string | undefined;
  #usage: Usage | undefined;
  #metadata = false;
  #holds = false;

  get ended(): boolean {
    return this.#metadata;
  }

  protected take(event: string, value: unknown): void {
    if (event === "contentBlockStart" && holds(at(value, "start"))) this.#holds = true;
    if (event === "contentBlockDelta") {
      const input = at(value, "delta", "toolUse", "input");
      if (input !== undefined) this.#arguments.piece(countAt(value, "contentBlockIndex") ?? 0, input);
      if (holds(at(value, "delta"))) this.#holds = true;
    }
    if (event === "messageStop") this.#finish = finishReason(at(value, "stopReason"));
    if (event === "metadata") {
      this.#metadata = true;
      this.#usage = bedrockUsage(at(value, "usage"));
    }
  }

  protected conclude(): Finding {
    const marked = this.#finish !== undefined && !this.#metadata ? "no-end-marker" : undefined;
    const refusal = marked ?? finishRefusal(this.#finish, this.#holds) ?? this.#argumentsRefusal();
    return finding({ refusal, finishes: [this.#finish], usage: this.#usage });
  }

  #argumentsRefusal(): RefusalReason | undefined {
    return this.#arguments.broken ? "bad-tool-arguments" : undefined;
  }
}

/** InvokeModelWithResponseStream: the model's own events, the last one with Bedrock's metrics. */
class InvokeWatcher extends FrameWatcher {
  readonly #fold: SniffFold;
  #usage: Usage | undefined;
  #metrics = false;
  #broken = false;

  constructor(fold: SniffFold) {
    super();
    this.#fold = fold;
  }

  get ended(): boolean {
    return this.#metrics;
  }

  protected take(_event: string, value: unknown): void {
    const event = parseJson(decodeBase64(at(value, "bytes")));
    if (event === undefined || carriesError(event, ["choices", "type", "outputs"])) {
      this.#broken = true;
      return;
    }
    if (this.#fold.event("", event)) this.#broken = true;
    const metrics = at(event, "amazon-bedrock-invocationMetrics");
    if (metrics === undefined) return;
    this.#metrics = true;
    this.#usage = invocationMetrics(metrics);
  }

  protected conclude(): Finding {
    const found = this.#fold.finish(false);
    const usage = this.#usage ?? found.usage;
    if (this.#broken) return { ...found, usage, refusal: "error-event" };
    return { ...found, usage, refusal: this.#metrics ? found.refusal : "no-end-marker" };
  }
}

function decodeBase64(value: unknown): string {
  if (typeof value !== "string") return "";
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(value), (c) => c.charCodeAt(0)));
  } catch {
    return "";
  }
}
