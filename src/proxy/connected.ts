import type { Leaving } from "../host.ts";
import type { AnswerFlight, Job } from "./flight.ts";

/** The client went away before there was anything to answer. */
export class ClientGone extends Error {
  override name = "ClientGone";
  /** The call that it led, which may go on and has to be paid for. */
  led: { readonly flight: AnswerFlight; readonly job: Job } | undefined;
}

/** Waits for `work`; where the client leaves first, calls `leave` and rejects with `ClientGone`. */
export function whileConnected<T>(request: Request, work: Promise<T>, leave: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const unwatch = watchClient(request, () => {
      leave();
      reject(new ClientGone("the client went away"));
    });
    // Whichever loses the race changes nothing.
    work.then(
      (value) => {
        unwatch();
        resolve(value);
      },
      (error: unknown) => {
        unwatch();
        reject(error);
      },
    );
  });
}

function watchClient(request: Request & Partial<Leaving>, gone: () => void): () => void {
  if (request.whenLeft !== undefined) return request.whenLeft(gone);
  const { signal } = request;
  if (signal.aborted) queueMicrotask(gone);
  else signal.addEventListener("abort", gone);
  return () => signal.removeEventListener("abort", gone);
}
