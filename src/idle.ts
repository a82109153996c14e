/** Twice: what the first round frees may be held until its finalizers have run. */
const COLLECT_AFTER_MS = [1_000, 5_000];
/** Before it is looked again whether there is no work. */
const AGAIN_MS = 500;

/** Calls `act` a while after it was asked to, as soon as there is no work; asked twice it acts once. */
export function onceIdle({ idle, act }: { idle: () => boolean; act: () => void }): () => void {
  let timers: ReturnType<typeof setTimeout>[] = [];
  const whenIdle = (at: number) => {
    if (idle()) act();
    else timers[at] = setTimeout(() => whenIdle(at), AGAIN_MS);
  };
  return () => {
    for (const timer of timers) clearTimeout(timer);
    timers = COLLECT_AFTER_MS.map((ms, at) => setTimeout(() => whenIdle(at), ms));
  };
}
