const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Names come from providers, so they are remembered up to a bound. */
const REMEMBERED = 2_000;
const written = new Map<string, string>();

/**
 * A header's name as most servers write it: `x-cache-status` is `X-Cache-Status`. Throws where it is no token, which
 * `Headers` lets in nowhere: nothing else may come out whoever made it.
 */
export function headerCase(name: string): string {
  const known = written.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) throw new TypeError("a header's name is no token");
  const text = name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
  if (written.size < REMEMBERED) written.set(name, text);
  return text;
}
