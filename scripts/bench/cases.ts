/** What is measured in bursts: the demanded cases first, then each axis by itself. */
import type { Peer } from "./peers.ts";

const KB = 1000;
const MB = 1000 * KB;

export interface BurstCase {
  readonly name: string;
  /** Under which heading it is reported. */
  readonly group: string;
  readonly kind: "hit" | "miss" | "joined" | "partial" | "rewritten";
  /** Bytes of prompt, and of the answer; `chunks` for a stream of so many. */
  readonly prompt: number;
  readonly answer: number;
  readonly chunks?: number;
  /** How many keys are asked for; 1 where not given. */
  readonly keys?: number;
  /** Each burst begins with a new process on the same data. */
  readonly restart?: boolean;
  readonly connections?: number;
  readonly flags?: readonly string[];
  readonly peers: readonly Peer[];
  /** askonce's rate over nginx's, as it was demanded and as it was aimed at. */
  readonly atLeast?: number;
  readonly aim?: number;
}

const all: readonly Peer[] = ["nginx", "varnish", "bare", "source", "executable"];
// Varnish passes a POST that it does not keep on in its own way: its misses are another thing.
const two: readonly Peer[] = ["nginx", "source", "executable"];
const least: readonly Peer[] = ["nginx", "executable"];

const demanded: readonly Omit<BurstCase, "group">[] = [
  {
    name: "hit, 200 B prompt, 600 B answer",
    kind: "hit",
    prompt: 200,
    answer: 600,
    peers: all,
    atLeast: 1,
    aim: 1.15,
  },
  {
    name: "hit, 2 KB prompt, 600 B answer",
    kind: "hit",
    prompt: 2 * KB,
    answer: 600,
    peers: all,
    atLeast: 1.2,
    aim: 1.5,
  },
  {
    name: "hit, 32 KB prompt, 4 KB answer",
    kind: "hit",
    prompt: 32 * KB,
    answer: 4 * KB,
    peers: all,
    atLeast: 3,
    aim: 5,
  },
  {
    name: "hit, 200 KB prompt, 4 KB answer",
    kind: "hit",
    prompt: 200 * KB,
    answer: 4 * KB,
    peers: all,
    atLeast: 6,
    aim: 15,
  },
  {
    name: "hit from disk, 100,000 keys after a restart, 2 KB prompt",
    kind: "hit",
    prompt: 2 * KB,
    answer: 600,
    keys: 100_000,
    restart: true,
    peers: two,
    atLeast: 0.7,
    aim: 1,
  },
  {
    name: "hit, 200 B prompt, 50 KB answer",
    kind: "hit",
    prompt: 200,
    answer: 50 * KB,
    peers: all,
    atLeast: 1,
    aim: 1.2,
  },
  {
    name: "miss, stored, 200 B prompt",
    kind: "miss",
    prompt: 200,
    answer: 600,
    peers: two,
    atLeast: 0.8,
    aim: 1.2,
  },
  {
    name: "miss, stored, 32 KB prompt",
    kind: "miss",
    prompt: 32 * KB,
    answer: 4 * KB,
    peers: two,
    atLeast: 0.8,
    aim: 1.5,
  },
  {
    name: "miss, stored, 200 KB prompt",
    kind: "miss",
    prompt: 200 * KB,
    answer: 4 * KB,
    peers: two,
    atLeast: 0.8,
    aim: 1.5,
  },
  {
    name: "hit, 32 KB prompt, scope credential",
    kind: "hit",
    prompt: 32 * KB,
    answer: 4 * KB,
    flags: ["--scope", "credential"],
    peers: two,
    atLeast: 3,
    aim: 5,
  },
];

const axes: readonly BurstCase[] = [
  {
    group: "Prompts",
    name: "hit, 1 MB prompt, 4 KB answer",
    kind: "hit",
    prompt: MB,
    answer: 4 * KB,
    peers: all,
  },
  {
    group: "Prompts",
    name: "miss, stored, 2 KB prompt",
    kind: "miss",
    prompt: 2 * KB,
    answer: 600,
    peers: least,
  },
  {
    group: "Prompts",
    name: "miss, stored, 1 MB prompt",
    kind: "miss",
    prompt: MB,
    answer: 4 * KB,
    peers: least,
  },
  {
    group: "Answers",
    name: "hit, 2 KB prompt, 4 KB answer",
    kind: "hit",
    prompt: 2 * KB,
    answer: 4 * KB,
    peers: two,
  },
  {
    group: "Answers",
    name: "hit, 2 KB prompt, 50 KB answer",
    kind: "hit",
    prompt: 2 * KB,
    answer: 50 * KB,
    peers: two,
  },
  {
    group: "Answers",
    name: "hit, 2 KB prompt, a stream of 300 chunks",
    kind: "hit",
    prompt: 2 * KB,
    answer: 0,
    chunks: 300,
    peers: two,
  },
  {
    group: "Answers",
    name: "miss, stored, 2 KB prompt, 50 KB answer",
    kind: "miss",
    prompt: 2 * KB,
    answer: 50 * KB,
    peers: least,
  },
  {
    group: "Answers",
    name: "miss, stored, 2 KB prompt, a stream of 300 chunks at once",
    kind: "miss",
    prompt: 2 * KB,
    answer: 0,
    chunks: 300,
    peers: least,
  },
  {
    group: "Keys",
    name: "hit, 10,000 keys from memory, 2 KB prompt",
    kind: "hit",
    prompt: 2 * KB,
    answer: 600,
    keys: 10_000,
    peers: two,
  },
  {
    group: "Connections",
    name: "hit, 2 KB prompt, 1 connection",
    kind: "hit",
    prompt: 2 * KB,
    answer: 600,
    connections: 1,
    peers: two,
  },
  {
    group: "Connections",
    name: "hit, 2 KB prompt, 256 connections",
    kind: "hit",
    prompt: 2 * KB,
    answer: 600,
    connections: 256,
    peers: two,
  },
  {
    group: "Connections",
    name: "miss, stored, 2 KB prompt, 1 connection",
    kind: "miss",
    prompt: 2 * KB,
    answer: 600,
    connections: 1,
    peers: least,
  },
  {
    group: "Connections",
    name: "miss, stored, 2 KB prompt, 256 connections",
    kind: "miss",
    prompt: 2 * KB,
    answer: 600,
    connections: 256,
    peers: least,
  },
  {
    group: "What nginx can't",
    name: "joined: 256 connections ask the same new thing, 5 ms at the provider",
    kind: "joined",
    prompt: 2 * KB,
    answer: 600,
    connections: 256,
    peers: least,
  },
  {
    group: "What nginx can't",
    name: "embeddings, 100 inputs, 1 new",
    kind: "partial",
    prompt: 10 * KB,
    answer: 0,
    peers: least,
  },
  {
    group: "What nginx can't",
    name: "hit, 2 KB prompt, another `user` at each call",
    kind: "rewritten",
    prompt: 2 * KB,
    answer: 600,
    peers: least,
  },
  {
    group: "What nginx can't",
    name: "hit, 32 KB prompt, another `user` at each call",
    kind: "rewritten",
    prompt: 32 * KB,
    answer: 4 * KB,
    peers: least,
  },
];

export const DEMANDED = "Demanded";

export const burstCases: readonly BurstCase[] = [
  ...demanded.map((one) => ({ ...one, group: DEMANDED })),
  ...axes,
];
