import type { AnswerFlight, Job } from "./flight.ts";

/** The client went away before there was anything to answer. */
export class ClientGone extends Error {
  override name = "ClientGone";
  /** The call that it led, which may go on and has to be paid for. */
  led: { readonly flight: AnswerFlight; readonly job: Job } | undefined;
}

/** Waits for `work`; where the client leaves first, calls `leave` and rejects with `ClientGone`. */
export function whileConnected<T>(request: Request, work: Promise<T>, leave: () => void): Promise<T> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      leave();
      reject(new ClientGone("the client went away"));
    };
    // Whichever loses the race changes nothing.
    work.then(
      (value) => {
        signal.removeEventListener("abort", onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", onAbort);
        reject(error);
      },
    );
    if (signal.aborted) queueMicrotask(onAbort);
    else signal.addEventListener("abort", onAbort);
  });
}
