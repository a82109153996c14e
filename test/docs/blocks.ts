/** The fenced blocks of a page, with what HTML comments in front of them say. */
export interface Block {
  /** Of the fence, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** `<!-- not run: REASON -->`; "" where somebody forgot the reason. */
  readonly notRun: string | undefined;
  /** `<!-- file: NAME -->`: the block is written to that file and nothing else. */
  readonly file: string | undefined;
  /** `<!-- exit: N -->`: how its last command ends; 0 without. */
  readonly exit: number;
}

/** A command as typed, and what a console block shows below it: undefined where nothing is promised. */
export interface Typed {
  readonly command: string;
  readonly shown: string | undefined;
}

const FENCE = /^( *)(`{3,})([\w-]*)\s*$/;

export function blocksOf(page: string): Block[] {
  const lines = page.split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", fence, language = ""] = FENCE.exec(lines[at]!) ?? [];
    if (fence === undefined) continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === fence);
    if (end < 0) throw new Error(`line ${at + 1}: this block has no end`);
    const marks = marksAbove(lines, at);
    blocks.push({
      line: at + 1,
      language,
      text: lines
        .slice(at + 1, end)
        .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
        .join("\n"),
      notRun: marks.get("not run"),
      file: marks.get("file"),
      exit: Number(marks.get("exit") ?? 0),
    });
    at = end;
  }
  return blocks;
}

function marksAbove(lines: readonly string[], fence: number): Map<string, string> {
  const marks = new Map<string, string>();
  for (let at = fence - 1; at >= 0; at--) {
    const [, name = "", value = ""] = /^ *<!-- (not run|file|exit):? *(.*?) *-->$/.exec(lines[at]!) ?? [];
    if (name === "") break;
    marks.set(name, value);
  }
  return marks;
}

/** The commands of a block. `whole` says whether a text is a command, rather than the beginning of one. */
export function typedIn({ language, text }: Block, whole: (text: string) => boolean): Typed[] {
  return language === "console" ? consoleOf(text, whole) : scriptOf(text, whole);
}

function scriptOf(text: string, whole: (text: string) => boolean): Typed[] {
  const typed: Typed[] = [];
  let command = "";
  for (const line of text.split("\n")) {
    command = command === "" ? line : `${command}\n${line}`;
    if (command.trim() === "") command = "";
    else if (!line.endsWith("\\") && whole(command)) {
      typed.push({ command, shown: undefined });
      command = "";
    }
  }
  if (command !== "") throw new Error(`no whole command: ${command}`);
  return typed;
}

function consoleOf(text: string, whole: (text: string) => boolean): Typed[] {
  const typed: Typed[] = [];
  let open: { command: string; shown: string[] } | undefined;
  let unfinished = false;
  for (const line of text.split("\n")) {
    if (unfinished && open) open.command += `\n${line.replace(/^> /, "")}`;
    else if (line.startsWith("$ ")) {
      if (open) typed.push({ command: open.command, shown: open.shown.join("\n") });
      open = { command: line.slice(2), shown: [] };
    } else if (open) {
      open.shown.push(line);
      continue;
    } else throw new Error(`begin with a command ($ …), not with: ${line}`);
    unfinished = open.command.endsWith("\\") || !whole(open.command);
  }
  if (open) typed.push({ command: open.command, shown: open.shown.join("\n") });
  return typed;
}
