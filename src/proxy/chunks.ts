import type { UpstreamAnswer } from "./upstream.ts";

/** Who takes an answer's chunks, and how it makes the provider wait: undefined where there is no need to. */
export interface Taker {
  take(chunk: Uint8Array): void;
  room(): Promise<void> | undefined;
}

/** Hands on an answer's chunks to its clean end, each in the call that brings it where it can; rejects where it breaks off. */
export async function eachChunk(answer: UpstreamAnswer, taker: Taker): Promise<void> {
  if (answer.poll !== undefined) return eachPolled(answer as Required<UpstreamAnswer>, taker);
  for (;;) {
    const chunk = await answer.read();
    if (chunk === undefined) return;
    taker.take(chunk);
    await taker.room();
  }
}

function eachPolled(answer: Required<UpstreamAnswer>, taker: Taker): Promise<void> {
  return new Promise((resolve, reject) => {
    const goOn = (): void => {
      try {
        for (;;) {
          const chunk = answer.poll(goOn);
          if (chunk === null) return;
          if (chunk === undefined) {
            resolve();
            return;
          }
          taker.take(chunk);
          const room = taker.room();
          if (room !== undefined) {
            void room.then(goOn);
            return;
          }
        }
      } catch (error) {
        reject(error);
      }
    };
    goOn();
  });
}
