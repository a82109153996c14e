import type { Journal, RequestEvent } from "./event.ts";
import { jsonLine, textLine } from "./lines.ts";

/** Lines of one turn of the loop go out in one write. */
export function logJournal(options: {
  form: () => "text" | "json" | "off";
  write: (text: string) => void;
}): Journal {
  let pending = "";
  const flush = () => {
    const text = pending;
    pending = "";
    options.write(text);
  };
  return {
    add(event: RequestEvent) {
      const form = options.form();
      if (form === "off") return;
      if (pending === "") queueMicrotask(flush);
      pending += form === "json" ? jsonLine(event) : textLine(event);
    },
  };
}
