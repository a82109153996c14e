/** Requests whose keys are pinned in test/fixtures/keys.json. A new one goes to the end; none is ever changed. */
import { samples } from "./bodies.ts";
import { compact, treeOf } from "./json-tree.ts";
import type { Posted } from "./keyed.ts";

export interface GoldenRequest extends Posted {
  readonly title: string;
  readonly flags?: readonly [string, string][];
}

const CHAT = "/openai/v1/chat/completions";
const plain = '{"model":"m","messages":[{"role":"user","content":"q"}]}';
const form = (boundary: string) =>
  `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--${boundary}--\r\n`;

export const goldenRequests: readonly GoldenRequest[] = [
  ...samples.map(({ family, path, body }) => ({
    title: family,
    path,
    body: compact(treeOf({ ...(body as object) })),
  })),
  { title: "plain chat", path: CHAT, body: plain },
  { title: "the short path form", path: "/openai/chat/completions", body: plain },
  { title: "a namespace", path: `/@exp-7${CHAT}`, body: plain },
  { title: "a sample", path: CHAT, body: plain, headers: { "x-cache-sample": "3" } },
  { title: "a query", path: `${CHAT}?b=2&a=1`, body: plain },
  {
    title: "response-changing headers",
    path: "/anthropic/v1/messages",
    body: plain,
    headers: { "anthropic-version": "2023-06-01", "anthropic-beta": "b, a" },
  },
  {
    title: "scope credential",
    path: CHAT,
    body: plain,
    headers: { authorization: "Bearer sk-1" },
    flags: [["--scope", "credential"]],
  },
  {
    title: "an answer of the credential's own",
    path: "/openai/v1/responses",
    body: '{"model":"m","input":"q"}',
    headers: { authorization: "Bearer sk-1" },
  },
  {
    title: "a billing line",
    path: "/anthropic/v1/messages",
    body: '{"model":"m","system":"x-anthropic-billing-header: cc_version=1; cch=ab;\\nBe brief.","messages":[]}',
  },
  {
    title: "masked dates",
    path: CHAT,
    body: '{"model":"m","messages":[{"role":"user","content":"It is 2026-11-23."}]}',
    flags: [["--key-mask", "dates"]],
  },
  {
    title: "escapes, numbers and a name twice",
    path: CHAT,
    body: '{"model":"m","x":"\\u00e9\\/\\ud83d\\ude00\\ud800\\u0001","y":[1,1.0,-0,1e400,12345678901234567890],"y":2}',
  },
  {
    title: "a form",
    path: "/openai/v1/audio/transcriptions",
    body: form("XyZ"),
    contentType: "multipart/form-data; boundary=XyZ",
  },
  {
    title: "bytes",
    path: "/huggingface/hf-inference/models/org/asr",
    body: new Uint8Array([0, 1, 2, 255]),
    contentType: "audio/wav",
  },
  { title: "no safe JSON", path: CHAT, body: '\ufeff{"model":"m","messages":[]}' },
];
