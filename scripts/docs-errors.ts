/** The errors that askonce itself answers with, for docs/troubleshooting.md; a code without advice does not compile. */
import { type ProxyErrorCode, STATUS } from "../src/errors.ts";

const advice: Readonly<Record<ProxyErrorCode, string>> = {
  unknown_provider:
    "The path begins with no known provider: the message lists them. Add yours with `--provider NAME=URL`.",
  request_too_large: "The body is over `max_body`, which somebody set here: raise it, or send less.",
  upstream_unreachable:
    "The provider was not reached, or broke off before it answered. `askonce doctor` tries each; behind a corporate proxy see [exposure.md](exposure.md). Trying again is right.",
  upstream_timeout:
    "The provider was silent for `upstream.timeout`. It may have been paid for: a retry is not asked for.",
  replay_miss:
    "Mode `replay` calls nobody, and this request was not recorded. The message names what differs from the nearest recording: record anew, or leave the difference out of the key ([keys.md](keys.md)).",
  only_if_cached_miss: "The request said `Cache-Control: only-if-cached`, and nothing is stored.",
  invalid_control: "An `X-Cache-…` header, or a control in the path, is malformed; the message says which.",
  invalid_request: "The request is no good HTTP, or its body cannot be decoded as it says.",
  forbidden_host: "The `Host` header is a name that could be anybody's. Add it to `allowed_hosts`.",
  upgrade_required: "A WebSocket was asked for. Clients fall back to plain HTTP by themselves.",
  unauthorized:
    "This askonce has `access_tokens`: send one as `X-Askonce-Token`, or `/~TOKEN` before the path.",
  loop_detected: "The request came back to where it had been: a provider's address points at askonce itself.",
  internal_error: "A fault of askonce. What it printed on stderr belongs into a report.",
};

export function errorsTable(): string {
  const rows = Object.entries(STATUS).map(
    ([code, status]) => `| \`${code}\` | ${status} | ${advice[code as ProxyErrorCode]} |`,
  );
  return ["| code | status | what to do |", "| --- | --- | --- |", ...rows].join("\n");
}
