/** A client library as its users hold it: told where askonce is, and asked things. */
import { readFileSync } from "node:fs";
import { root } from "../support/askonce.ts";

/** What a client can be asked, by name: names with `stream` read a stream, with `tools` a tool call. */
export type Asks = Readonly<Record<string, (question: string) => Promise<unknown>>>;

export interface Connecting {
  /** Retries as the library does them by default; false: none. */
  readonly retries: boolean;
}

export interface Client {
  readonly name: string;
  readonly version: string;
  readonly provider: string;
  /** What follows askonce's address in the base URL, as the README gives it; "" and `/v1` are the root. */
  readonly bases: readonly string[];
  /** What follows the provider's own address. */
  readonly direct: string;
  /** Name of the class that the library throws, by status. */
  readonly errors: Readonly<Record<ErrorStatus, string>>;
  /** It tries a 5xx again for an hour, whatever the answer says: its retries stay off where a 502 is tried. */
  readonly stubborn?: boolean;
  connect(base: string, options: Connecting): Asks;
}

export type ErrorStatus = 400 | 404 | 424 | 429 | 502;

export function versionOf(name: string): string {
  const text = readFileSync(`${root}/node_modules/${name}/package.json`, "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** Makes a client that reads its base URL from a variable, as a user who sets only that does. */
export function withVariable<T>(name: string, value: string, make: () => T): T {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

export const MODEL = "m-1";
export const WEATHER = {
  name: "get_weather",
  description: "The weather of the next days",
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer" } },
    required: ["city", "days"],
  },
} as const;
