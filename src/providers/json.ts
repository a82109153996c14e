/** Reading values that came from outside: nothing here throws, whatever the value is. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member at the end of `path`; undefined where any step is missing. Reads own members only. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (!isObject(here) || !Object.hasOwn(here, name)) return undefined;
    here = here[name];
  }
  return here;
}

/** The list at the end of `path`; empty where there is none. */
export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const list = at(value, ...path);
  return Array.isArray(list) ? list : [];
}

/** The non-empty text at the end of `path`: an empty string says as little as an absent one. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const text = at(value, ...path);
  return typeof text === "string" && text !== "" ? text : undefined;
}

/** The number (finite, not negative) at the end of `path`. */
export function countAt(value: unknown, ...path: readonly string[]): number | undefined {
  const count = at(value, ...path);
  return typeof count === "number" && count >= 0 && Number.isFinite(count) ? count : undefined;
}

/** Whether there is anything in it: not null, false, zero, empty, or made of such only. */
export function holds(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holds);
  if (!isObject(value)) return Boolean(value);
  for (const name of Object.keys(value)) if (holds(value[name])) return true;
  return false;
}

/** The parsed value; undefined (which no JSON text is) where it does not parse. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
