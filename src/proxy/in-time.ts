/** What `work` comes to; undefined where that takes longer than `patienceMs`. Rejects as it does, if it does so in time. */
export function inTime<T>(work: Promise<T>, patienceMs: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, patienceMs, undefined);
    work.then(
      (found) => {
        clearTimeout(timer);
        resolve(found);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
