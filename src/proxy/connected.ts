import type { AnswerFlight, Job } from "./flight.ts";

/** The client went away before there was anything to answer. */
export class ClientGone extends Error {
  override name = "ClientGone";
  /** The call that it led, which may go on and has to be paid for. */
  led: { readonly flight: AnswerFlight; readonly job: Job } | undefined;
}

/** Waits for `work`; where the client leaves first, calls `leave` and rejects with `ClientGone`. */
export async function whileConnected<T>(request: Request, work: Promise<T>, leave: () => void): Promise<T> {
  const { signal } = request;
  const gone = Promise.withResolvers<never>();
  const onAbort = () => {
    leave();
    gone.reject(new ClientGone("the client went away"));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  // Whichever loses the race is settled by nobody else.
  work.catch(() => {});
  gone.promise.catch(() => {});
  try {
    return await Promise.race([work, gone.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
