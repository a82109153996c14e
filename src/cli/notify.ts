import type { Host } from "../host.ts";

/**
 * Tells systemd that clients are answered, where it started this process with `Type=notify`. No runtime opens the
 * kind of socket that systemd listens on, so its own program does it. Never rejects.
 */
export async function notifyReady(
  host: Pick<Host, "env" | "spawn">,
  say: (text: string) => void,
): Promise<void> {
  if (!host.env.NOTIFY_SOCKET) return;
  try {
    const code = await host.spawn(["systemd-notify", "--ready"], { env: host.env, cwd: "/" }).exited;
    if (code !== 0) throw new Error(`exit code ${code}`);
  } catch (error) {
    const why = (error as { code?: string }).code ?? (error as Error).message;
    say(`systemd could not be told that clients are answered (systemd-notify: ${why})`);
  }
}
