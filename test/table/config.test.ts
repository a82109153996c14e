import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, parseConfig, redacted, refuseOpenListen } from "../../src/config.ts";
import { flagOf, settings, variableOf } from "../../src/config-settings.ts";
import { settingsHelp, settingsTable } from "../../src/config-tables.ts";
import { ConfigError } from "../../src/errors.ts";

interface Given {
  file?: string;
  env?: Record<string, string>;
  flags?: [string, string][];
}

function parse({ file, env = {}, flags = [] }: Given) {
  return parseConfig(
    { file: file === undefined ? undefined : { path: "/etc/askonce.toml", text: file }, env, flags },
    { dataFolder: "/data", absolute: (path) => `/abs/${path}` },
  );
}

function refusal(given: Given): ConfigError {
  let config: Config | undefined;
  try {
    config = parse(given).config;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return assert.fail(`accepted ${JSON.stringify(given)} as ${JSON.stringify(config)}`);
}

/** For each member of Config a value other than the default, as text and as read. */
const changed: { readonly [Member in keyof typeof settings]: readonly [string, Config[Member]] } = {
  listen: [
    "127.0.0.2:1, [::1]:0",
    [
      { hostname: "127.0.0.2", port: 1 },
      { hostname: "::1", port: 0 },
    ],
  ],
  data: ["here", "/abs/here"],
  ttlMs: ["1h", 3_600_000],
  ttlPureMs: ["2h", 7_200_000],
  ttl404Ms: ["0", 0],
  maxStaleMs: ["1h", 3_600_000],
  refreshConcurrency: ["9", 9],
  maxSize: ["2GiB", 2 ** 31],
  maxEntry: ["1MiB", 2 ** 20],
  maxRequest: ["2MiB", 2 ** 21],
  maxBody: ["3MiB", 3 * 2 ** 20],
  maxBuffered: ["4MiB", 2 ** 22],
  maxMemory: ["5KiB", 5 * 2 ** 10],
  inactiveMs: ["forever", Number.POSITIVE_INFINITY],
  mode: ["replay", "replay"],
  scope: ["credential", "credential"],
  verifyTtlMs: ["2h", 7_200_000],
  defaultProvider: ["groq", "groq"],
  upstreamTimeoutMs: ["250ms", 250],
  joinPatienceMs: ["3s", 3_000],
  onDisconnectMs: ["abort", 0],
  shutdownGraceMs: ["4s", 4_000],
  allowedHosts: ["a.example.org,*.b", ["a.example.org", "*.b"]],
  allowedOrigins: ["https://a.example", ["https://a.example"]],
  accessTokens: [
    `sixteen-letters-1, sha256:${"0".repeat(64)}`,
    ["sixteen-letters-1", `sha256:${"0".repeat(64)}`],
  ],
  accessTokensFile: ["tokens", "/abs/tokens"],
  trustedProxies: [
    "10.0.0.0/8",
    [{ text: "10.0.0.0/8", address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 0], bits: 104 }],
  ],
  tlsCert: ["cert.pem", "/abs/cert.pem"],
  tlsKey: ["key.pem", "/abs/key.pem"],
  cacheAnyway: ["web-search", ["web-search"]],
  cachePaths: ["/v1/score,-/v1/*", ["/v1/score", "-/v1/*"]],
  keyIgnore: ["trace_id,run", ["trace_id", "run"]],
  keyKeep: ["user", ["user"]],
  keyHeaders: ["X-Acme-*, -openai-beta", ["x-acme-*", "-openai-beta"]],
  keyMask: [
    "dates, text:a\\,b, glob:x*y",
    [
      { kind: "preset", name: "dates" },
      { kind: "text", text: "a,b" },
      { kind: "glob", text: "x*y" },
    ],
  ],
  keep: ["empty", ["empty"]],
  replay: ["recorded*4", { kind: "recorded", factor: 4 }],
  freshIds: ["true", true],
  log: ["json", "json"],
  workers: ["auto", "auto"],
  admin: ["false", false],
  adminListen: ["127.0.0.1:9", [{ hostname: "127.0.0.1", port: 9 }]],
  journal: ["false", false],
  journalKeepMs: ["1h", 3_600_000],
  journalSize: ["1MiB", 2 ** 20],
  requests: ["hash", "hash"],
  searchText: ["0", 0],
  prices: ["prices.toml", "/abs/prices.toml"],
  otelEndpoint: ["http://localhost:4318", "http://localhost:4318"],
};

test("without any source every setting has the default that its table names", () => {
  const { config, warnings } = parse({});
  assert.deepEqual(warnings, []);
  assert.deepEqual(config, {
    listen: [
      { hostname: "127.0.0.1", port: 8181 },
      { hostname: "::1", port: 8181 },
    ],
    listenChosen: false,
    data: "/data",
    ttlMs: 4 * 86_400_000,
    ttlPureMs: 30 * 86_400_000,
    ttl404Ms: 60_000,
    maxSize: 2 ** 30,
    maxEntry: 2 ** 26,
    maxRequest: 2 ** 26,
    maxBody: undefined,
    maxBuffered: 2 ** 29,
    workers: 1,
    maxMemory: 2 ** 26,
    inactiveMs: 4 * 86_400_000,
    mode: "cache",
    scope: "shared",
    scopeChosen: false,
    defaultProvider: "openai",
    providers: [],
    upstreamTimeoutMs: 900_000,
    joinPatienceMs: 120_000,
    onDisconnectMs: 30_000,
    shutdownGraceMs: 30_000,
    allowedHosts: [],
    allowedOrigins: [],
    cacheAnyway: [],
    cachePaths: [],
    keyIgnore: [],
    keyKeep: [],
    keyHeaders: [],
    keyMask: [{ kind: "preset", name: "billing-header" }],
    log: "text",
    admin: true,
    adminListen: [],
    journal: true,
    journalKeepMs: 30 * 86_400_000,
    accessTokens: [],
    accessTokensFile: "",
    trustedProxies: [],
    tlsCert: "",
    tlsKey: "",
    journalSize: 64 * 2 ** 20,
    requests: "full",
    searchText: 32 * 1024,
    prices: "",
    otelEndpoint: "",
    keep: ["length", "filter", "refusal"],
    replay: { kind: "instant" },
    freshIds: false,
    maxStaleMs: undefined,
    refreshConcurrency: 4,
    verifyTtlMs: 86_400_000,
  });
});

for (const [member, setting] of Object.entries(settings)) {
  const { name } = setting;
  const [text, value] = changed[member as keyof typeof changed];
  const read = (given: Given) => parse(given).config[member as keyof Config];
  const inFile = (text: string) => `${name} = ${JSON.stringify(text)}\n`;

  test(`${name} is read from flag, variable and file, and beats in that order`, () => {
    const variable = { [variableOf(name)]: text };
    assert.deepEqual(read({ flags: [[flagOf(name), text]] }), value);
    assert.deepEqual(read({ env: variable }), value);
    assert.deepEqual(read({ file: inFile(text) }), value);
    const other = setting.fallback.replace("$XDG_DATA_HOME/askonce", "there");
    const fallback = read({ flags: [[flagOf(name), other]] });
    assert.notDeepEqual(fallback, value);
    assert.deepEqual(read({ env: variable, file: inFile(other) }), value, "variable over file");
    assert.deepEqual(read({ flags: [[flagOf(name), other]], env: variable }), fallback, "flag over variable");
    assert.deepEqual(
      read({
        flags: [
          [flagOf(name), other],
          [flagOf(name), text],
        ],
      }),
      value,
      "last flag",
    );
  });

  test(`a bad ${name} is refused with its name, value, place and what is valid, beaten or not`, () => {
    const bad = name === "data" ? "" : "no such\u0000value";
    const good: [string, string] = [flagOf(name), text];
    const cases: [Given, string][] = [
      [{ flags: [[flagOf(name), bad], good] }, `flag ${flagOf(name)}`],
      [{ flags: [good], env: { [variableOf(name)]: bad } }, `variable ${variableOf(name)}`],
      [{ flags: [good], file: `# one\n\n${inFile(bad)}` }, "/etc/askonce.toml line 3"],
    ];
    const shown = setting.secret ? "***" : bad;
    for (const [given, where] of cases) {
      const error = refusal(given);
      assert.deepEqual(
        [error.setting, error.value, error.where, error.valid],
        [name, shown, where, setting.kind.valid],
      );
      for (const part of [name, JSON.stringify(shown), where, setting.kind.valid]) {
        assert.ok(error.message.includes(part), `${part} in ${error.message}`);
      }
    }
  });
}

test("a key is found at its line: under its table, dotted, quoted, indented, in an inline table", () => {
  const bad = 'timeout = "x"';
  for (const [text, line] of [
    [`[upstream]\n\n${bad}`, 3],
    [`# timeout = 1\nttl = "4h"\nupstream.${bad}`, 3],
    [`[ "upstream" ] # t\n  "timeout"= "x"`, 2],
    [`log = "off"\nupstream = { ${bad} }`, 2],
    [`[providers.a]\nurl = "http://x"\n[upstream]\n${bad}\n`, 4],
  ] as const) {
    const error = refusal({ file: text });
    assert.deepEqual(
      [error.setting, error.where],
      ["upstream.timeout", `/etc/askonce.toml line ${line}`],
      text,
    );
  }
});

test("a file that is no TOML is refused with the line that ends the reading", () => {
  for (const text of ['ttl = "4h"\nttl = ', 'ttl = "4h"\nttl = "5h"', "ttl = 4h", "[a", "\u0000"]) {
    const error = refusal({ file: text });
    assert.match(error.where, /^\/etc\/askonce\.toml line \d+$/, text);
  }
});

test("a file's numbers, booleans, dates, lists and tables are no text, but for lists where a list is due", () => {
  for (const text of [
    "ttl = 30",
    "ttl = true",
    "ttl = 2020-01-01",
    'ttl = ["4h"]',
    "mode = []",
    "ttl = {}",
  ]) {
    assert.equal(refusal({ file: text }).setting, text.split(" ")[0]);
  }
  assert.equal(refusal({ file: "[[providers]]\nurl = 'http://x'" }).setting, "providers");
  const { config } = parse({ file: 'listen = ["127.0.0.1:1", "[::1]:2"]\nallowed_hosts = []\nmax_body = 0' });
  assert.deepEqual(
    config.listen.map(({ port }) => port),
    [1, 2],
  );
  assert.equal(config.maxBody, 0);
});

test("an unknown flag, key or table is refused with the nearest known one", () => {
  for (const [given, nearest, where] of [
    [{ flags: [["--tll", "4h"]] }, "--ttl", "flag --tll"],
    [{ flags: [["--max_size", "4h"]] }, "--max-size", "flag --max_size"],
    [{ file: 'max-size = "1GiB"' }, "max_size", "/etc/askonce.toml line 1"],
    [{ file: '[upstream]\ntimeuot = "1s"' }, "upstream.timeout", "/etc/askonce.toml line 2"],
    [{ file: "[upstraem]" }, "listen", "/etc/askonce.toml line 1"],
    [{ file: '[providers.a]\nuri = "http://x"' }, "providers.NAME.url", "/etc/askonce.toml line 2"],
    [{ file: 'config = "x"' }, "listen", "/etc/askonce.toml line 1"],
    [{ file: '__proto__ = "x"' }, "listen", "/etc/askonce.toml line 1"],
  ] as [Given, string, string][]) {
    const error = refusal(given);
    assert.equal(error.where, where);
    assert.ok(error.valid.includes(nearest), `${nearest} in ${error.valid}`);
  }
});

test("an unknown ASKONCE_ variable only warns, with the nearest, and others are not looked at", () => {
  const { config, warnings } = parse({
    env: { ASKONCE_TLL: "4h", TTL: "x", XASKONCE_TTL: "x", ASKONCE_CONFIG: "x" },
  });
  assert.deepEqual(config, parse({}).config);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /ASKONCE_TLL.*ASKONCE_TTL\?/);
});

test("an empty variable is a malformed value and not an absent one", () => {
  assert.equal(refusal({ env: { ASKONCE_TTL: "" } }).where, "variable ASKONCE_TTL");
});

test("providers come from flag, variable and file, one member at a time, the stronger source first", () => {
  const file =
    '[providers.azure]\nurl = "https://a.example/openai/"\nfamily = "openai"\n[providers.vllm]\nauth = "key"';
  const { config } = parse({
    file,
    env: { ASKONCE_PROVIDER_AZURE: "https://b.example", ASKONCE_PROVIDER_MY_BOX: "http://box:1 auth=none" },
    flags: [
      ["--provider", "groq=http://127.0.0.1:9"],
      ["--provider", "groq=http://127.0.0.1:8/v1"],
    ],
  });
  const all = Object.fromEntries(config.providers.map(({ name, ...facts }) => [name, facts]));
  assert.deepEqual(all, {
    azure: { url: "https://b.example", family: "openai", auth: undefined },
    vllm: { url: undefined, family: undefined, auth: "key" },
    my_box: { url: "http://box:1", family: undefined, auth: "none" },
    groq: { url: "http://127.0.0.1:8/v1", family: undefined, auth: undefined },
  });
});

test("a bad provider is refused with its name and place, and without a password that stood in its address", () => {
  for (const [given, setting] of [
    [{ flags: [["--provider", "groq"]] }, "provider"],
    [{ flags: [["--provider", "=http://x"]] }, "provider"],
    [{ flags: [["--provider", "Groq=http://x"]] }, "provider"],
    [{ flags: [["--provider", "a/b=http://x"]] }, "provider"],
    [{ flags: [["--provider", "admin=http://x"]] }, "provider"],
    [{ flags: [["--provider", "groq="]] }, "providers.groq.url"],
    [{ flags: [["--provider", "groq=localhost:1"]] }, "providers.groq.url"],
    [{ flags: [["--provider", "groq=http://u:hunter2@x"]] }, "providers.groq.url"],
    [{ flags: [["--provider", "groq=http://x?key=hunter2"]] }, "providers.groq.url"],
    [{ flags: [["--provider", "groq=http://x auth=maybe"]] }, "providers.groq.auth"],
    [{ flags: [["--provider", "groq=http://x famly=openai"]] }, "providers.groq"],
    [{ env: { ASKONCE_PROVIDER_GROQ: "hunter2://" } }, "providers.groq.url"],
    [{ file: '[providers.mine]\nauth = "none"' }, "providers.mine.url"],
    [{ file: '[providers.mine]\nurl = "http://x"\nfamily = "opnai"' }, "providers.mine.family"],
    [{ file: '[providers.mine]\nurl = ["http://x"]' }, "providers.mine.url"],
  ] as [Given, string][]) {
    const error = refusal(given);
    assert.equal(error.setting, setting, JSON.stringify(given));
    if (!JSON.stringify(given).includes("hunter2://"))
      assert.ok(!error.message.includes("hunter2"), error.message);
  }
});

test("the default provider must be one that is there", () => {
  const error = refusal({ flags: [["--default-provider", "opnai"]] });
  assert.equal(error.where, "flag --default-provider");
  assert.match(error.valid, /^openai /);
  const added: [string, string][] = [
    ["--provider", "mine=http://x"],
    ["--default-provider", "mine"],
  ];
  assert.equal(parse({ flags: added }).config.defaultProvider, "mine");
});

test("listening beyond loopback needs a scope that somebody chose, and the refusal names the choices", () => {
  const at = (listen: string, ...more: [string, string][]) =>
    parse({ flags: [["--listen", listen], ...more] }).config;
  for (const listen of [
    ":8181",
    "0.0.0.0:8181",
    "[::]:8181",
    "10.0.0.1:1",
    "box:1",
    "127.0.0.1:1,0.0.0.0:1",
    "127.1:1",
  ]) {
    assert.throws(
      () => refuseOpenListen(at(listen)),
      (error) =>
        error instanceof ConfigError &&
        /--scope credential.*--scope verified.*--scope shared/.test(error.message),
      listen,
    );
    for (const scope of ["shared", "credential", "verified"])
      refuseOpenListen(at(listen, ["--scope", scope]));
  }
  for (const listen of ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "a.localhost:1"]) {
    refuseOpenListen(at(listen));
  }
  refuseOpenListen(parse({}).config);
  refuseOpenListen(parse({ env: { ASKONCE_SCOPE: "shared", ASKONCE_LISTEN: ":1" } }).config);
});

test("help and README name every setting's flag, variable and default, from the same table", () => {
  for (const text of [settingsHelp(), settingsTable()]) {
    for (const { name, fallback } of Object.values(settings)) {
      for (const part of [name, flagOf(name), variableOf(name), fallback])
        assert.ok(text.includes(part), part);
    }
    for (const part of ["--provider NAME=URL", "ASKONCE_PROVIDER_NAME", "--config", "ASKONCE_CONFIG"]) {
      assert.ok(text.includes(part), part);
    }
  }
  assert.equal(variableOf("upstream.timeout"), "ASKONCE_UPSTREAM_TIMEOUT");
  assert.equal(flagOf("upstream.timeout"), "--upstream-timeout");
});

test("the effective settings, written out, read back as the same settings", () => {
  const readable = Object.entries(changed).filter(
    ([member]) => !settings[member as keyof typeof settings].secret,
  );
  const flags = readable.map(([member, [text]]): [string, string] => [
    flagOf(settings[member as keyof typeof settings].name),
    text,
  ]);
  const { config } = parse({ flags: [...flags, ["--provider", "mine=http://x family=cohere auth=none"]] });
  const file = Object.entries(redacted(config)).map(([name, text]) => `${name} = ${JSON.stringify(text)}\n`);
  const absolute = (path: string) => `/abs/${path}`;
  const again = {
    ...config,
    data: absolute(config.data),
    prices: absolute(config.prices),
    accessTokensFile: absolute(config.accessTokensFile),
    tlsCert: absolute(config.tlsCert),
    tlsKey: absolute(config.tlsKey),
  };
  assert.deepEqual(parse({ file: file.join("") }).config, again);
});

test("what is no setting, or cannot be read, is told without the secret in it", () => {
  const secret = "Zk3-9fQ_4hT7xW2m.Lq8";
  const key = "sk-proj-abcdefghijklmnop";
  const refused: readonly Parameters<typeof refusal>[0][] = [
    { file: `access_token = ["${secret}"]` },
    { file: `access_tokens = [\n  "${secret}"\n  "other"\n]` },
    { file: `access_tokens = ["${secret}"` },
    { file: `[providers.foo]\napi_key = "${secret}"` },
    { file: `[providers.foo]\nurl = "${key}"` },
    { file: `otel_endpoint = "ftp://user:${secret}@host/"` },
    { file: `otel_endpoint = "ftp://host/?x-api-key=${secret}"` },
    { file: `listen = "${key}"` },
    { flags: [["--provider", `foo=${key}`]] },
    { flags: [["--provider", key]] },
    { flags: [["--api-key", secret]] },
    { env: { ASKONCE_LISTEN: key } },
  ];
  for (const given of refused) {
    const { message } = refusal(given);
    assert.ok(!message.includes(secret) && !message.includes(key), message);
  }
  assert.match(refusal({ file: 'ttl = "5 fortnights"' }).message, /ttl = "5 fortnights"/);
});
