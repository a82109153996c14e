/** Odd request lines and headers, by kind. `decoy` is the port of a host that only requests name. */

import { openai } from "./answers.ts";
import { METHODS, message, noise, type Odd, own, pick, question, type Random } from "./odd-message.ts";
import { bytesOf, concat } from "./wire.ts";

export const HEADS: Record<string, (random: Random, decoy: number) => Odd> = {
  "huge head": (random) =>
    own(
      message({
        headers: [
          `X-Long: ${"x".repeat(random(200_000))}`,
          ...Array.from({ length: random(300) }, (_, i) => `X-${i}: v`),
        ],
        body: question(random),
      }),
    ),
  "huge target": (random) =>
    own(
      message({
        path: `/openai/v1/${"a/".repeat(random(20_000))}?${"q".repeat(random(20_000))}`,
        body: "{}",
      }),
    ),
  "dot segments": (random) => {
    const dots = pick(random, [
      "..",
      "%2e%2e",
      "%2E.",
      ".%2e",
      ".",
      "%2e",
      "...",
      "..;",
      "..%2f",
      "%2e%2e%2f",
      "..\\",
      "..%5c",
    ]);
    const path = pick(random, [
      `/openai/${dots}/${dots}/v1/x`,
      `/openai/v1/${dots}/files`,
      `/openai/${dots}/anthropic/v1/messages`,
      `/openai/v1/${dots}/${dots}/google/v1/x`,
      `/openai/v1/x/${dots}`,
      `/openai${dots}/groq/v1/models`,
    ]);
    // Dot segments go before a request is routed (RFC 3986 §5.2.4; Bun removes them itself), as in any server: so
    // the provider that may be called is the one that the rest of the path names.
    const [, name = ""] = new URL(path, "http://localhost").pathname.split("/");
    return { ...own(message({ path, body: "{}" })), may: [name === "v1" ? "openai" : name] };
  },
  "escapes and slashes": (random) => {
    const part = pick(random, [
      "%2f",
      "%2F%2F",
      "//",
      "///",
      "%5c",
      "\\",
      "%00",
      "%",
      "%zz",
      "%ff",
      "%252f",
      ";a=b",
      "@",
      ":",
      "#x",
      "?",
      "??",
      "&&",
      "%0d%0aX-Evil:1",
      "|",
      "^",
      "{}",
      "<>",
      '"',
      "`",
    ]);
    return own(
      message({
        method: pick(random, ["POST", "GET"]),
        path: pick(random, [
          `/openai${part}v1/models`,
          `/openai/${part}/v1/chat/completions`,
          `/openai/v1/chat${part}completions`,
          `/openai/v1/chat/completions${part}`,
          `/openai/v1/x?a=${part}&b`,
        ]),
        body: "{}",
      }),
    );
  },
  "another host": (random, decoy) => {
    const host = `127.0.0.1:${decoy}`;
    const path = pick(random, [
      `http://${host}/v1/x`,
      `//${host}/v1/x`,
      `/openai//${host}/v1/x`,
      `/openai/@${host}/x`,
      `/openai/http://${host}/x`,
      `/openai@${host}/x`,
      `/openai/v1/x?url=http://${host}`,
      `/openai/\\\\${host}\\x`,
      `/openai:@${host}/v1`,
      `/openai/.${host}`,
      `/openai:${decoy}/v1/x`,
      `/openai/%40${host}/v1`,
      `${host}`,
      `/@${host}/openai/v1/x`,
    ]);
    const headers = pick(random, [
      [],
      [`X-Forwarded-Host: ${host}`],
      [`Forwarded: host=${host}`],
      [`X-Original-URL: http://${host}/`],
      [`X-Askonce-Upstream: http://${host}`],
      [`Referer: http://${host}/`],
    ]);
    return own(message({ method: pick(random, ["GET", "POST", "CONNECT"]), path, headers, body: "{}" }));
  },
  "root paths": (random) => ({
    bytes: message({
      method: pick(random, METHODS),
      path: pick(random, [
        "/",
        "*",
        "/v1",
        "/v1/",
        "/favicon.ico",
        "/.env",
        "/admin",
        "/admin/api/stats",
        "/metrics",
        "/healthz/x",
        "/api",
        "/@/v1/x",
        "/@a b/v1",
        "/@x;ttl=/v1/y",
        `/@${"n".repeat(65)}/v1/x`,
        "/@a;b;c=d;;/v1/z",
        "/%6fpenai/v1/models",
      ]),
      body: "{}",
    }),
    may: ["openai", "ollama"],
  }),
  "bytes in headers": (random) =>
    own(
      concat([
        bytesOf(`POST ${openai.path} HTTP/1.1\r\nHost: localhost\r\nX-Odd: `),
        noise(random, 20).filter((byte) => byte !== 10 && byte !== 13),
        bytesOf(
          pick(random, [
            "\r\nX Y: z",
            "\r\n: empty",
            "\r\nNoColon",
            "\r\n folded",
            "\r\nCookie: \xff",
            "\r\nX-Cache-TTL: 1 parsec",
            "\r\nCache-Control: max-age=x",
            "\r\nX-Cache-Sample: -1",
          ]),
        ),
        bytesOf("\r\nContent-Length: 2\r\n\r\n{}"),
      ]),
    ),
  "no HTTP": (random) =>
    own(
      pick(random, [
        noise(random, 200),
        bytesOf("GET\r\n\r\n"),
        bytesOf("\r\n\r\n\r\n"),
        bytesOf("GET / HTTP/9.9\r\n\r\n"),
        bytesOf("GET /openai/v1/x HTTP/1.0\r\n\r\n"),
        bytesOf("GET /openai/v1/x\r\n\r\n"),
        bytesOf("\x16\x03\x01\x02\x00\x01\x00"),
        bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      ]),
      { halfClose: true },
    ),
  methods: (random) => own(message({ method: pick(random, METHODS), body: pick(random, ["{}", ""]) })),
  hosts: (random) =>
    own(
      concat([
        bytesOf(
          `POST ${openai.path} HTTP/1.1\r\n${pick(random, ["", "Host: \r\n", "Host: a b\r\n", "Host: localhost\r\nHost: evil.example\r\n", "Host: [::1\r\n", "Host: evil.example\r\n", "Host: localhost:99999999\r\n", "Host: \xff\r\n"])}Content-Length: 2\r\n\r\n{}`,
        ),
      ]),
    ),
  upgrades: (random) =>
    own(
      message({
        method: "GET",
        headers: [
          "Connection: Upgrade, HTTP2-Settings",
          `Upgrade: ${pick(random, ["websocket", "h2c", "TLS/1.0", ""])}`,
        ],
        length: false,
      }),
    ),
};
