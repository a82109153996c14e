import assert from "node:assert/strict";
import { test } from "node:test";
import { type RecordedStream, recorded, streams } from "../support/families.ts";
import { journey } from "../support/journey.ts";

const BATCH = 50;

/** How a body ends that is not whole. */
const ENDINGS = { "ends cleanly": "clean", "breaks off": "cut" } as const;

function answer(stream: RecordedStream, bytes: Uint8Array, ending: "clean" | "cut"): Response {
  const pieces = [bytes];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces.shift();
        if (piece !== undefined && piece.byteLength > 0) controller.enqueue(piece);
        else if (ending === "clean") controller.close();
        else controller.error(new TypeError("connection reset"));
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": stream.type } });
}

/** From where on the answer is whole; what follows is line breaks, or comes after the end marker. */
function proofEnd(stream: RecordedStream, bytes: Uint8Array): number {
  if (stream.proof === undefined) return bytes.byteLength;
  const text = new TextDecoder("latin1").decode(bytes);
  return text.lastIndexOf(stream.proof) + stream.proof.length;
}

for (const stream of streams) {
  const bytes = recorded(stream.file);
  const whole = proofEnd(stream, bytes);
  for (const [words, ending] of Object.entries(ENDINGS)) {
    test(`${stream.file} that ${words} after any byte is kept only when whole, and the client gets every byte`, async () => {
      const offsets = [...Array(bytes.byteLength + 1).keys()].filter(
        // What broke off is never kept, wherever that was: beside its last bytes some places will do.
        (cut) => ending === "clean" || cut % 7 === 0 || cut > bytes.byteLength - 60,
      );
      for (let from = 0; from < offsets.length; from += BATCH) {
        const cuts = offsets.slice(from, from + BATCH);
        await Promise.all(cuts.map((cut) => once(stream, bytes, { cut, ending, whole })));
      }
    });
  }
}

async function once(
  stream: RecordedStream,
  bytes: Uint8Array,
  { cut, ending, whole }: { cut: number; ending: "clean" | "cut"; whole: number },
): Promise<void> {
  const sent = bytes.subarray(0, cut);
  const run = journey({ provider: () => answer(stream, sent, ending) });
  const ask = { path: `/${stream.provider}${stream.path}`, body: { model: "m", ...stream.json } };
  const response = await run.ask(ask);
  const got: Uint8Array[] = [];
  let broken = false;
  const reader = response.body?.getReader();
  try {
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read())
      got.push(read.value);
  } catch {
    broken = true;
  }
  await run.parts.flights.settled();
  const again = await run.ask({ ...ask, headers: { "cache-control": "only-if-cached" } });
  const kept = again.headers.get("x-cache-status") === "HIT";
  const told = `${stream.file} cut at ${cut} of ${bytes.byteLength}, ${ending}: ${response.headers.get("cache-status")}`;
  if (response.status === 200) {
    assert.equal(Buffer.concat(got).compare(Buffer.from(sent)), 0, told);
    assert.equal(broken, ending === "cut", told);
  } else assert.ok(ending === "cut" && cut === 0, told);
  if (ending === "cut" || cut < whole) assert.ok(!kept, `kept: ${told}`);
  // Behind the proof only line breaks and late markers are missing: families differ in whether they ask for those.
  if (ending === "clean" && cut === bytes.byteLength) assert.ok(kept, `not kept: ${told}`);
  if (kept) assert.equal(Buffer.from(await again.arrayBuffer()).compare(Buffer.from(sent)), 0, told);
  else await again.arrayBuffer();
}
