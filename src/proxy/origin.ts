/** Who may talk to askonce from a browser: the guard against DNS rebinding and against other sites' pages. */

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const LOCAL_SUFFIXES = [".localhost", ".local", ".internal"];

/**
 * Whether `host` (a `Host` header) names this askonce: an IP address, a name without a dot, a local name, this
 * machine's own, or one that the operator allowed (`*.example.org` matches every name below).
 */
export function isAllowedHost(
  host: string,
  options: { allowed: readonly string[]; ownName: string },
): boolean {
  const name = hostname(host);
  if (name === undefined) return false;
  if (IPV4.test(name) || name.startsWith("[") || !name.includes(".")) return true;
  if (LOCAL_SUFFIXES.some((suffix) => name.endsWith(suffix)) || name === options.ownName.toLowerCase())
    return true;
  return options.allowed.some((allowed) => {
    const want = allowed.toLowerCase();
    return want.startsWith("*.")
      ? name.endsWith(want.slice(1))
      : want === name || want === host.toLowerCase();
  });
}

/** Lower case, without port and trailing dot; undefined for what is no host. */
function hostname(host: string): string | undefined {
  const found = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host.trim());
  return found?.[1]?.toLowerCase().replace(/\.$/, "");
}

/** Whether the request comes from a page of another site: an `Origin` neither on loopback nor allowed. */
export function isForeignOrigin(origin: string | null, allowed: readonly string[]): boolean {
  return origin !== null && !isKnownOrigin(origin, allowed);
}

/** Whether it asks on behalf of a page on this machine, or of an allowed one, what that may send (CORS). */
export function isKnownPreflight(request: Request, allowed: readonly string[]): boolean {
  const origin = request.headers.get("origin");
  const asks = request.method === "OPTIONS" && request.headers.has("access-control-request-method");
  return asks && origin !== null && isKnownOrigin(origin, allowed);
}

export function isKnownOrigin(origin: string, allowed: readonly string[]): boolean {
  if (allowed.some((one) => one === "*" || one.toLowerCase() === origin.toLowerCase())) return true;
  const url = URL.parse(origin);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return false;
  const { hostname: name } = url;
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(name)
  );
}
