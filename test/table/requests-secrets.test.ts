import assert from "node:assert/strict";
import { test } from "node:test";
import { valueEnd } from "../../src/requests/json-spans.ts";
import type { RequestHead } from "../../src/requests/kept.ts";
import { keptOf } from "../../src/requests/remember.ts";
import { maskSecrets } from "../../src/requests/secrets.ts";

const masked = (value: unknown) => {
  const { text, paths } = maskSecrets(new TextEncoder().encode(JSON.stringify(value)));
  return { value: JSON.parse(new TextDecoder().decode(text)), paths };
};

const SECRET: readonly (readonly [words: string, body: object, path: string])[] = [
  [
    "an MCP server's token",
    { mcp_servers: [{ type: "url", url: "https://m.example/sse", authorization_token: "S3CRET" }] },
    "mcp_servers[0].authorization_token",
  ],
  ["a tool's authorization", { tools: [{ type: "mcp", authorization: "S3CRET" }] }, "tools[0].authorization"],
  ["a tool's header", { tools: [{ type: "mcp", headers: { "X-Own": "S3CRET" } }] }, "tools[0].headers.X-Own"],
  [
    "a header in a list of pairs",
    { server: { extra_headers: [{ name: "X-Own", value: "S3CRET" }] } },
    "server.extra_headers[0].value",
  ],
  [
    "a key in a URL's query",
    { tools: [{ server_url: "https://m.example/?a=1&api_key=S3CRET" }] },
    "tools[0].server_url",
  ],
  ["a password in a URL", { tools: [{ server_url: "https://me:S3CRET@m.example/" }] }, "tools[0].server_url"],
  [
    "a password in a URL, with an at sign in it",
    { tools: [{ server_url: "https://me:p@S3CRET@m.example/" }] },
    "tools[0].server_url",
  ],
  [
    "a hosted tool server's key in the path of its URL",
    { mcp_servers: [{ type: "url", url: "https://m.example/api/mcp/S3CRETa7c9e1f3b5d7/sse" }] },
    "mcp_servers[0].url",
  ],
  [
    "a signed URL of an image",
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: "https://s3.example/a.png?X-Amz-Signature=S3CRET" } },
          ],
        },
      ],
    },
    "messages[0].content[0].image_url.url",
  ],
  ["an API key anywhere", { options: { deep: [{ apiKey: "S3CRET" }] } }, "options.deep[0].apiKey"],
  ["a variable of a process", { env: { GITHUB_TOKEN: "S3CRET" } }, "env.GITHUB_TOKEN"],
  ["a bearer token under any name", { plugin: { x: "Bearer S3CRETS3CRET" } }, "plugin.x"],
  [
    "a database's password",
    { data_sources: [{ authentication: { type: "api_key", key: "k", password: "S3CRET" } }] },
    "data_sources[0].authentication.password",
  ],
  [
    "a schema's default for a key",
    {
      tools: [
        { function: { parameters: { properties: { api_key: { type: "string", default: "S3CRET" } } } } },
      ],
    },
    "tools[0].function.parameters.properties.api_key.default",
  ],
  ["a name that needs quotes", { "my tool": { password: "S3CRET" } }, '["my tool"].password'],
];

for (const [words, body, path] of SECRET) {
  test(`${words} is masked, and its path is named`, () => {
    const { value, paths } = masked(body);
    assert.ok(!JSON.stringify(value).includes("S3CRET"), JSON.stringify(value));
    assert.deepEqual(paths, [path]);
  });
}

test("a form of pairs is remembered by its digest, and a credential in the head of a part is masked", async () => {
  const remembered = async (contentType: string, body: string) => {
    const digest = contentType.startsWith("multipart") ? "form:0" : "raw:0";
    const request = { head: { contentType, digest } as RequestHead, body: new TextEncoder().encode(body) };
    return keptOf({ ...request, ignored: [] }, () => "d");
  };
  const pairs = await remembered("application/x-www-form-urlencoded", "prompt=a b&api_key=S3CRET");
  assert.deepEqual(pairs.body, { form: "bytes", sha256: "d", size: 25 });
  const form = await remembered(
    "multipart/form-data; boundary=b",
    '--b\r\nContent-Disposition: form-data; name="x"\r\nAuthorization: Bearer S3CRET\r\n\r\nv\r\n--b--\r\n',
  );
  assert.ok(!JSON.stringify(form).includes("S3CRET"), JSON.stringify(form));
  assert.deepEqual(form.masked, ["x.authorization"]);
});

const OPEN: readonly (readonly [words: string, body: object])[] = [
  ["what somebody says", { messages: [{ role: "user", content: "my password: hunter2, Bearer abcdefgh" }] }],
  [
    "a tool call's arguments",
    { messages: [{ role: "assistant", content: [{ type: "tool_use", input: { password: "x" } }] }] },
  ],
  [
    "a schema with a token in it",
    {
      tools: [
        {
          function: {
            parameters: {
              type: "object",
              properties: { token: { type: "string" }, headers: { type: "object", description: "d" } },
              required: ["token"],
            },
          },
        },
      ],
    },
  ],
  ["numbers of tokens", { max_tokens: 5, token: 7, pad_token: "<pad>" }],
  ["a plain URL", { tools: [{ server_url: "https://m.example/path?page=2" }] }],
  ["an image's URL", { image: "https://m.example/a7c9e1f3b5d7a7c9e1f3" }],
  ["an empty key", { api_key: "" }],
];

for (const [words, body] of OPEN) {
  test(`${words}: left as it is`, () => {
    assert.deepEqual(masked(body), { value: body, paths: [] });
  });
}

test("what is nested 100,000 deep is walked in time that grows with its size alone", () => {
  const deep = 100_000;
  const texts = [
    `{"x":${"[".repeat(8 * deep)}${"]".repeat(8 * deep)}}`,
    `{"x":${'{"a":"x","b":'.repeat(deep)}1${"}".repeat(deep)}}`,
  ];
  const began = performance.now();
  for (const text of texts.map((one) => new TextEncoder().encode(one))) {
    assert.equal(valueEnd(text, 0), text.byteLength);
    assert.deepEqual(maskSecrets(text).paths, []);
  }
  assert.ok(performance.now() - began < 3000, `${performance.now() - began} ms`);
});

test("masking leaves all other bytes alone", () => {
  const text = '{ "n": 1.50, "a": {"token" : "x\\"y"}, "b": "\\u0041" }';
  const masked = maskSecrets(new TextEncoder().encode(text));
  assert.equal(
    new TextDecoder().decode(masked.text),
    '{ "n": 1.50, "a": {"token" : "[masked]"}, "b": "\\u0041" }',
  );
});
