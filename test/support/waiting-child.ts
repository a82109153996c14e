/**
 * A command for `askonce run` that waits: prints `ready PID` and then each signal that it gets. SIGTERM ends it with 0, a
 * second SIGINT with 130, SIGUSR1 by a signal. Says on stderr nothing.
 */
import process from "node:process";

let interrupts = 0;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    console.log(signal);
    if (signal === "SIGINT") interrupts += 1;
    if (interrupts === 2) process.exit(130);
    if (signal === "SIGTERM") process.exit(0);
  });
}
setInterval(() => {}, 60_000);
console.log(`ready ${process.pid}`);
