/** One thing that `doctor` looked at. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  /** What is there. */
  readonly found: string;
  /** What to do about it. */
  readonly todo?: string;
}

/** The checks, or one that says that they took too long or broke. Never rejects. */
export async function within(
  ms: number,
  name: string,
  checks: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<readonly Check[]>((resolve) => {
    timer = setTimeout(
      () => resolve([{ name, status: "warn", found: `no answer within ${ms / 1000} s` }]),
      ms,
    );
  });
  try {
    return await Promise.race([checks(), late]);
  } catch (error) {
    return [{ name, status: "fail", found: codeOf(error) }];
  } finally {
    clearTimeout(timer);
  }
}

/** A system's error in a word. */
export function codeOf(error: unknown): string {
  const { code, cause, message } = error as { code?: string; cause?: { code?: string }; message?: string };
  return code ?? cause?.code ?? message ?? String(error);
}
