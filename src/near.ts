/** Whether a provider is on this machine or network: only there can a request come back. */
export function isNear(url: string): boolean {
  const { hostname } = new URL(url);
  if (hostname === "localhost" || !hostname.includes(".") || hostname.endsWith(".localhost")) return true;
  return /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/.test(hostname);
}
