/**
 * A process of its own that asks for the same hit over and over, so that what the tests do meanwhile does not slow
 * its clock: `probe.ts PORT PATH BODY`, until its stdin ends; prints `{ times, words }`, times in ms a request.
 */
import { RawConnection, requestBytes } from "./raw.ts";

const [port = "", path = "", body = ""] = process.argv.slice(2);
let asked = true;
process.stdin.resume().on("end", () => {
  asked = false;
});
const client = await RawConnection.open(Number(port));
const request = requestBytes(Number(port), { path, body });
const times: number[] = [];
const words = new Set<string | undefined>();
while (asked) {
  const begun = performance.now();
  await client.write(request);
  words.add((await client.answer()).cache);
  times.push(performance.now() - begun);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
client.destroy();
process.stdin.destroy();
console.log(JSON.stringify({ times, words: [...words] }));
