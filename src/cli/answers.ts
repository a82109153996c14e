import { CommandError, UsageError } from "../errors.ts";
import type { Api, ApiRequest } from "./api.ts";

/** What the admin API answers, as far as the commands read it. Its OpenAPI document says all of it. */

export interface EntryAnswer {
  readonly key: string;
  readonly provider: string;
  readonly endpoint: string;
  readonly model: string | null;
  readonly namespace: string;
  readonly status: number;
  readonly stream: boolean;
  readonly size_bytes: number;
  readonly stored_at: string;
  readonly last_used_at: string | null;
  readonly hits: number;
  readonly age_s: number;
  readonly ttl_s: number | null;
  readonly expires_at: string | null;
  readonly stale: boolean;
  readonly pinned: boolean;
  readonly imported: boolean;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost_usd: number | null;
  readonly duration_ms: number;
  readonly prompt: string | null;
}

/** A remembered request: `body` is a JSON value, `text` another text, `fields` a form's, `bytes` neither. */
export interface RequestAnswer {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly string[];
  readonly content_type: string;
  readonly body?: unknown;
  readonly text?: string;
  readonly fields?: readonly { readonly name: string; readonly size_bytes: number; readonly text?: string }[];
  readonly bytes?: { readonly size_bytes: number; readonly sha256: string };
}

export interface EntriesAnswer {
  readonly entries: readonly EntryAnswer[];
  readonly next_cursor: string | null;
}

/** Sums over requests; money in US dollars, times in ms. */
export interface FiguresAnswer {
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly partial: number;
  readonly joined: number;
  readonly bypassed: number;
  readonly refused: number;
  readonly errors: number;
  readonly aborted: number;
  readonly not_kept: Readonly<Record<string, number>>;
  readonly saved_tokens: number;
  readonly saved_usd: number;
  readonly saved_ms: number;
  readonly spent_tokens: number;
  readonly spent_usd: number;
  readonly refreshes: number;
  readonly refresh_usd: number;
  readonly unread: number;
  readonly unread_usd: number;
  readonly joined_tokens: number;
  readonly joined_usd: number;
  readonly unpriced: number;
  readonly hit_p50_ms: number | null;
  readonly hit_p99_ms: number | null;
  readonly miss_p50_ms: number | null;
  readonly miss_p99_ms: number | null;
}

export interface StatsAnswer {
  readonly total: FiguresAnswer;
  readonly groups: readonly (FiguresAnswer & { readonly name: string })[];
  readonly store: { readonly entries: number; readonly bytes: number };
}

/** One request of the journal. */
export interface RowAnswer {
  readonly at: string;
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** As `X-Cache-Status`. */
  readonly cache: string;
  readonly outcome: string;
  readonly detail: string | null;
  readonly provider: string | null;
  readonly endpoint: string | null;
  readonly model: string | null;
  readonly namespace: string;
  readonly key: string | null;
  readonly bytes: number;
  readonly first_byte_ms: number | null;
  readonly total_ms: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost_usd: number | null;
  readonly saved_usd: number | null;
}

export interface ExplainAnswer {
  readonly would: string;
  readonly why: string;
  readonly detail: string | null;
  readonly provider: string | null;
  readonly endpoint: string | null;
  readonly model: string | null;
  readonly namespace: string;
  readonly key: string | null;
  readonly key_parts: readonly { readonly name: string; readonly value: string }[];
  readonly left_out: readonly { readonly where: string; readonly name: string; readonly reason: string }[];
  readonly canonical: string | null;
  readonly nearest: readonly NearAnswer[];
}

export interface NearAnswer {
  readonly key: string;
  readonly stored_at: string;
  readonly namespace: string;
  readonly model: string | null;
  readonly same: number;
  readonly differences: readonly {
    readonly path: string;
    readonly asked: string | null;
    readonly stored: string | null;
  }[];
  readonly more: number;
}

/** Asks for a JSON document. Throws CommandError with the API's own words where it refuses. */
export async function ask<T>(
  api: Api,
  [method, path]: readonly [method: string, path: string],
  options: ApiRequest = {},
): Promise<T> {
  const answer = await api.request(method, path, options);
  await refuseError(answer);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** Throws CommandError with the API's own words where `answer` is an error, UsageError where a flag's value is. */
export async function refuseError(answer: Response): Promise<void> {
  if (answer.status < 400) return;
  const text = await answer.text();
  const message = messageIn(text);
  // What was given by a flag is named as the flag: the person wrote no query and no body.
  const [, member, why] =
    /^(?:query: |body\.)([a-z_]+): (.*)$/s.exec(answer.status === 400 ? (message ?? "") : "") ?? [];
  if (member !== undefined) throw new UsageError(`--${member.replaceAll("_", "-")} is not valid: ${why}`);
  throw new CommandError(message ?? `the admin API answered with status ${answer.status}`);
}

function messageIn(text: string): string | undefined {
  try {
    const message = JSON.parse(text)?.error?.message;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Digits of a key in tables: enough to tell a million entries apart, and taken back by the commands. */
export const SHORT_KEY = 12;
/** Fewer digits would be a lottery. */
const LEAST_KEY = 4;

export function isKeyLike(word: string): boolean {
  return /^[0-9a-f]{4,64}$/i.test(word);
}

/** The whole key that `given` begins. Throws CommandError where none or several begin so. */
export async function wholeKey(api: Api, given: string): Promise<string> {
  const prefix = given.toLowerCase();
  if (!isKeyLike(prefix)) {
    throw new CommandError(
      `"${given}" is no key: use ${LEAST_KEY} to 64 hex digits, as askonce ls prints them`,
    );
  }
  if (prefix.length === 64) return prefix;
  const { entries } = await ask<EntriesAnswer>(api, ["GET", "/entries"], {
    query: { key: prefix, limit: 10 },
  });
  const keys = entries.map(({ key }) => key).filter((key) => key.startsWith(prefix));
  if (keys.length === 0) throw new CommandError(`there is no entry whose key begins with ${prefix}`);
  if (keys.length === 1) return keys[0]!;
  throw new CommandError(
    `several keys begin with ${prefix}, write more digits of one:\n  ${keys.join("\n  ")}`,
  );
}
