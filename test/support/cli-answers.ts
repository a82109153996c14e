/** Answers of an admin API over a store with a few odd entries. */
import type { Asked, ScriptedApi } from "./cli.ts";

export const KEYS = [
  "3fa2b1c09d44e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e",
  "3fa2b1c09d44ffff0718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e",
  "77e0aa00bb11cc22dd33ee44ff5566778899aabbccddeeff0011223344556677",
] as const;

function entry(key: string, facts: object) {
  return {
    key,
    provider: "openai",
    endpoint: "chat",
    model: "gpt-5-mini",
    namespace: "",
    credential: "",
    status: 200,
    stream: false,
    size_bytes: 494,
    stored_at: "2026-11-23T10:00:00.000Z",
    last_used_at: "2026-11-23T11:00:00.000Z",
    hits: 12,
    age_s: 7200,
    ttl_s: 345600,
    expires_at: "2026-11-27T10:00:00.000Z",
    stale: false,
    pinned: false,
    imported: false,
    input_tokens: 812,
    output_tokens: 34,
    cost_usd: 0.0031,
    duration_ms: 812.5,
    first_byte_ms: 300,
    prompt: "Write the release notes of version 2.0, please, with all that changed",
    ...facts,
  };
}

export const entries = [
  entry(KEYS[0], {}),
  entry(KEYS[1], {
    provider: "huggingface",
    model: "meta-llama/Llama-4-Maverick-17B-128E-Instruct",
    namespace: "exp-7",
    stream: true,
    size_bytes: 64 * 2 ** 20,
    hits: 1_234_567,
    stale: true,
    pinned: true,
    imported: true,
    age_s: 864_000,
    cost_usd: null,
    prompt: "日本語の長い質問 🙂🇩🇪👩‍👩‍👧 \u001b[31mred\u001b]0;title\u0007\r\n\u202Eevil é́ end of it all",
  }),
  entry(KEYS[2], {
    provider: "voyage",
    endpoint: "embeddings",
    model: null,
    ttl_s: null,
    expires_at: null,
    hits: 0,
    age_s: 0,
    input_tokens: null,
    output_tokens: null,
    cost_usd: 0,
    prompt: null,
  }),
];

const figures = {
  requests: 5004,
  hits: 4812,
  misses: 188,
  partial: 0,
  joined: 3,
  bypassed: 1,
  refused: 0,
  errors: 4,
  aborted: 2,
  bytes: 1,
  calls: 190,
  not_kept: { "no-finish-reason": 2, empty: 1 },
  saved_tokens: 1_204_512,
  saved_usd: 61.2,
  saved_ms: 7_800_000,
  spent_tokens: 34_100,
  spent_usd: 2.104,
  refreshes: 2,
  refresh_tokens: 10,
  refresh_usd: 0.1,
  unread: 1,
  unread_tokens: 10,
  unread_usd: 0.02,
  joined_tokens: 900,
  joined_usd: 0.01,
  unpriced: 12,
  hit_p50_ms: 0.4,
  hit_p99_ms: 2,
  miss_p50_ms: 812,
  miss_p99_ms: 4100,
};

export const stats = {
  total: figures,
  groups: [
    { ...figures, name: "openai", requests: 5000, unpriced: 0 },
    {
      ...figures,
      name: "meta-llama/Llama-4-Maverick-17B-128E-Instruct:free 日本語モデル",
      requests: 4,
      hits: 0,
      misses: 4,
      joined: 0,
      saved_tokens: 0,
      saved_usd: 0,
      spent_usd: 0,
      unpriced: 4,
    },
  ],
  series: [],
  store: { entries: 4812, bytes: 64_172_851 },
};

export const rows = [
  row({
    request_id: "r3",
    cache: "BYPASS",
    outcome: "bypassed",
    detail: "conversation",
    key: null,
    cost_usd: null,
    input_tokens: null,
    output_tokens: null,
  }),
  row({
    request_id: "r2",
    cache: "HIT",
    outcome: "hit",
    total_ms: 0.42,
    cost_usd: null,
    saved_usd: 0.0031,
    detail: null,
  }),
  row({ request_id: "r1", detail: "no-finish-reason" }),
];

export function row(facts: object) {
  return {
    at: "2026-11-23T11:00:00.000Z",
    request_id: "r",
    method: "POST",
    path: "/openai/v1/chat/completions",
    status: 200,
    cache: "MISS",
    outcome: "miss",
    detail: null,
    provider: "openai",
    endpoint: "chat",
    model: "gpt-5-mini",
    namespace: "",
    credential: "",
    key: KEYS[0],
    bytes: 494,
    first_byte_ms: 300,
    total_ms: 812.5,
    input_tokens: 812,
    output_tokens: 34,
    cost_usd: 0.0031,
    saved_usd: null,
    ...facts,
  };
}

export const explained = {
  would: "MISS",
  why: "There is no entry under this key: its nearest neighbour differs in the fourth message, which is why the provider would be asked.",
  detail: "uri-miss",
  provider: "openai",
  endpoint: "chat",
  model: "gpt-5-mini",
  namespace: "",
  key: KEYS[2],
  key_parts: [
    { name: "version", value: "1" },
    { name: "pool", value: "all" },
    { name: "provider", value: "openai" },
    { name: "path", value: "/v1/chat/completions" },
    { name: "body", value: "json:9ea2d0c99ea2d0c99ea2d0c99ea2d0c99ea2d0c99ea2d0c99ea2d0c99ea2d0c9" },
  ],
  left_out: [{ where: "body", name: "user", reason: "names the end user, does not change the answer" }],
  canonical: '{"messages":[],"model":"gpt-5-mini"}',
  stored: null,
  nearest: [
    {
      key: KEYS[0],
      stored_at: "2026-11-23T10:00:00.000Z",
      namespace: "",
      model: "gpt-5-mini",
      same: 0.975,
      differences: [
        { path: "messages[3].content", asked: '"Hello\u001b[2J"', stored: '"Hallo"' },
        { path: "temperature", asked: null, stored: "0.7" },
      ],
      more: 3,
    },
  ],
};

const request = {
  method: "POST",
  path: "/v1/chat/completions",
  query: "",
  headers: ["openai-beta: x"],
  content_type: "application/json",
  masked: [],
  body: { model: "gpt-5-mini", messages: [{ role: "user", content: "Say \u001b[31mhello\nto 世界" }] },
};

export const CASSETTE = [
  `{"askonce":1,"request":{"provider":"openai","path":"/v1/chat/completions"},"response":{"status":200}}`,
  `{"askonce":1,"request":{"provider":"groq","path":"/v1/chat/completions"},"response":{"status":200}}`,
];

/** The whole store behind the routes that the commands call. */
export const api: ScriptedApi = ({ method, path, body }: Asked) => {
  const url = new URL(path, "http://here");
  const route = `${method} ${url.pathname}`;
  const prefix = url.searchParams.get("key");
  if (route === "GET /entries") {
    const found = entries.filter(({ key }) => prefix === null || key.startsWith(prefix));
    return Response.json({ entries: found, next_cursor: null });
  }
  const key = /^\/entries\/([0-9a-f]{64})(\/body)?$/.exec(url.pathname);
  if (key) {
    if (key[2])
      return new Response('{"answer":"\u001b[31m世界"}', { headers: { "content-type": "application/json" } });
    const found = entries.find((one) => one.key === key[1]);
    return Response.json({ ...found, request: key[1] === KEYS[2] ? null : request });
  }
  switch (route) {
    case "GET /stats":
      return Response.json({ ...stats, groups: url.searchParams.has("by") ? stats.groups : [] });
    case "GET /requests":
      return Response.json({
        requests: Number(url.searchParams.get("limit")) === 1 ? rows.slice(1, 2) : rows,
        next_cursor: null,
      });
    case "GET /events":
      return new Response(
        `: hello\n\nevent: request\ndata: ${JSON.stringify(rows[0])}\n\nevent: request\ndata: ${JSON.stringify(row({ request_id: "r4", status: 429, detail: "status" }))}\n\n`,
      );
    case "POST /purge":
      return Response.json({
        purged: JSON.parse(body).keys?.length ?? 1234,
        ...(JSON.parse(body).dry_run && { dry_run: true }),
      });
    case "POST /forget":
      return Response.json({ forgotten: KEYS.slice(0, JSON.parse(body).last) });
    case "POST /explain":
      return Response.json(explained);
    case "POST /token":
      return Response.json({ token: "ao_new" });
    case "GET /export":
      return new Response(`${CASSETTE.join("\n")}\n{"askonce":1,"skipped":{"masked":2}}\n`);
    case "POST /import":
      return Response.json({ imported: body.split("\n").filter(Boolean).length, replaced: 1 });
  }
  return undefined;
};
