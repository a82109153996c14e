import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsOf } from "../../src/cli/display.ts";
import { ran } from "../support/cli.ts";
import { api, explained, row } from "../support/cli-answers.ts";

const REQUEST = JSON.stringify({ path: "/openai/v1/chat/completions", body: { seed: 1 } });
const files = { "/cwd/request.json": REQUEST };

async function told(answer: object): Promise<string> {
  const scripted: typeof api = (asked) =>
    asked.path === "/explain" ? Response.json({ ...explained, ...answer }) : api(asked);
  const { stdout } = await ran(["explain", "request.json"], { api: scripted, files });
  return stdout;
}

const near = (differences: readonly object[]) => ({ ...explained.nearest[0], differences, more: 0 });

test("a difference far into a value is shown, also where the value has no spaces to break at", async () => {
  for (const filler of ["word ".repeat(30), "x".repeat(150), "語".repeat(70)]) {
    const differences = [{ path: "messages[0].content", asked: `"${filler}A"`, stored: `"${filler}B"` }];
    const shown = await told({ nearest: [near(differences)] });
    assert.match(shown, /A"\n/);
    assert.match(shown, /B"\n/);
    for (const line of shown.split("\n")) assert.ok(columnsOf(line) <= 80, line);
  }
});

test("two values that look the same have what differs spelled out", async () => {
  for (const [asked, stored, spelled] of [
    ['"Zu\u0308rich"', '"Z\u00fcrich"', /asked {3}"Zu\\u\{308\}rich"\n {6}stored {2}"Z\\u\{fc\}rich"/],
    ['"a  b"', '"a b"', /asked {3}"a \\u\{20\}b"\n {6}stored {2}"a b"/],
    ['"a\u00a0b"', '"a b"', /asked {3}"a\\u\{a0\}b"/],
  ] as const) {
    assert.match(await told({ nearest: [near([{ path: "input", asked, stored }])] }), spelled);
  }
});

test("of the second nearest no more than three differences are shown", async () => {
  const many = Array.from({ length: 20 }, (_, at) => ({ path: `input[${at}]`, asked: "1", stored: null }));
  const shown = await told({ nearest: [near(many), near(many)] });
  assert.deepEqual(shown.match(/and \d+ more differences/g), [
    "and 8 more differences",
    "and 17 more differences",
  ]);
});

test("a miss that nothing stored is near to says so", async () => {
  assert.match(
    await told({ nearest: [] }),
    /\nNothing is stored that is close to it \(chat, model gpt-5-mini\)\.\n/,
  );
  assert.doesNotMatch(await told({ nearest: [], would: "HIT" }), /Nothing is stored/);
});

test("the last request, where it was passed on, is explained in words", async () => {
  const get = row({ key: null, method: "GET", path: "/openai/v1/files", detail: "method" });
  const scripted: typeof api = (asked) => {
    if (asked.path.startsWith("/requests")) return Response.json({ requests: [get], next_cursor: null });
    if (asked.path !== "/explain") return api(asked);
    assert.equal(JSON.parse(asked.body).path, "/openai/v1/files");
    return Response.json({ ...explained, would: "BYPASS", why: "Only POST requests are kept." });
  };
  assert.match(
    (await ran(["explain", "--last"], { api: scripted })).stdout,
    /\nOnly POST requests are kept\.\n$/,
  );
});

test("the last request, where its answer was not kept, is shown with why", async () => {
  const failed = row({ status: 529, detail: "status" });
  const error = { code: "no_entry", message: "No entry is stored under this key." };
  const scripted: typeof api = (asked) => {
    if (asked.path.startsWith("/requests")) return Response.json({ requests: [failed], next_cursor: null });
    return asked.path === "/explain" ? Response.json({ error }, { status: 404 }) : api(asked);
  };
  const { code, stdout } = await ran(["explain", "--last"], { api: scripted });
  assert.equal(code, 0);
  assert.match(stdout, /529.*\n\nNothing is stored under its key \(not kept: status\)\.\n$/);
});

test("a flag's value that is not valid is a usage error that names the flag", async () => {
  for (const [args, message] of [
    [["stats", "--by", "foo"], "--by foo is not valid: use provider, model, namespace, endpoint, credential"],
    [["ls", "--sort", "foo"], "--sort foo is not valid: use newest, oldest, used, hits, size"],
    [["stats", "--since", "foo"], "--since is not valid: use a duration"],
    [["purge", "--older-than", "3q"], "--older-than is not valid: use a duration"],
  ] as const) {
    const place = args[0] === "purge" ? "body.older_than: " : "query: since: ";
    const error = { code: "invalid_request", message: `${place}use a duration` };
    const { code, stdout, stderr } = await ran(args, {
      api: () => Response.json({ error }, { status: 400 }),
    });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.ok(stderr.includes(message), stderr);
  }
});

test("a file that is not there is said in words", async () => {
  for (const args of [
    ["explain", "none.json"],
    ["import", "none.ndjson"],
  ]) {
    const { code, stderr } = await ran(args, { api, files });
    assert.equal(code, 1);
    assert.match(stderr, /^askonce: none\.\w+ cannot be read \(no such file or folder\)\n$/);
  }
});
