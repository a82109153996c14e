/**
 * A process of its own that asks for the same hit over and over, so that what the tests do meanwhile does not slow
 * its clock: `probe.ts PORT PATH BODY MS`; prints `{ times, words }`, times in ms a request.
 */
import { RawConnection, requestBytes } from "./raw.ts";

const [port = "", path = "", body = "", ms = ""] = process.argv.slice(2);
const client = await RawConnection.open(Number(port));
const request = requestBytes(Number(port), { path, body });
const times: number[] = [];
const words = new Set<string | undefined>();
const end = performance.now() + Number(ms);
while (performance.now() < end) {
  const begun = performance.now();
  await client.write(request);
  words.add((await client.answer()).cache);
  times.push(performance.now() - begun);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
client.destroy();
console.log(JSON.stringify({ times, words: [...words] }));
