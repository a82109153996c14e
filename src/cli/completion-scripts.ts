import { byName, flagOf } from "../config-settings.ts";
import { type Command, commonFlags, type Flag, settingFlags } from "./command.ts";

/**
 * Completions that need no start of the program and evaluate nothing of what stands on the line: all their words
 * are in the script.
 */

interface Word {
  readonly name: string;
  readonly help: string;
  /** Whether a value follows, and which are known; of files: "files". */
  readonly takes: "nothing" | "files" | readonly string[];
}

const SHELLS = ["bash", "zsh", "fish"];
/** Commands whose operands are files, or words known here. */
const OPERANDS: Readonly<Record<string, readonly string[] | "files">> = {
  completions: SHELLS,
  explain: "files",
  export: "files",
  import: "files",
};

function wordsOf(command: Command): readonly Word[] {
  const own = [...command.flags, ...commonFlags].map((flag) => ({
    name: flag.name,
    help: flag.help,
    takes: takenBy(flag),
  }));
  return [...own, ...settingFlags(command).map(settingWord)];
}

function takenBy({ value, optional, values, files }: Flag): Word["takes"] {
  return value === undefined || optional ? "nothing" : files ? "files" : (values ?? []);
}

function settingWord(flag: string): Word {
  const setting = [...byName.values()].find(({ name }) => flagOf(name) === flag);
  const files = ["--data", "--config", "--prices"].includes(flag);
  return { name: flag, help: setting?.help ?? "", takes: files ? "files" : (setting?.kind.words ?? []) };
}

/** The flags that take a value, each with what is known of it; the same for every command. */
function valued(commands: readonly Command[]): readonly Word[] {
  const found = new Map<string, Word>();
  for (const word of commands.flatMap(wordsOf)) {
    if (word.takes !== "nothing" && !found.has(word.name)) found.set(word.name, word);
  }
  return [...found.values()];
}

export function bashScript(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name);
  const flags = commands.map(
    (command) =>
      `    ${command.name}) flags='${wordsOf(command)
        .map(({ name }) => name)
        .join(" ")}' ;;`,
  );
  const values = valued(commands).map(
    ({ name, takes }) =>
      `    ${name}) ${takes === "files" ? "files=1" : `values='${(takes as readonly string[]).join(" ")}'`}; valued=1 ;;`,
  );
  const operands = Object.entries(OPERANDS).map(
    ([name, takes]) => `    ${name}) ${takes === "files" ? "files=1" : `values='${takes.join(" ")}'`} ;;`,
  );
  return `# bash completions for askonce: source <(askonce completions bash)
_askonce() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local command= flags= values= files= valued= at
  # bash gives --flag=value as three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
    ${names.join(" | ")})
      command=\${COMP_WORDS[at]}
      break
      ;;
    esac
  done
  case $before in
${values.join("\n")}
  esac
  if [[ -z $valued ]]; then
    case \${command:-serve} in
${flags.join("\n")}
    esac
    case $command in
${operands.join("\n")}
    '') values='${names.join(" ")}' ;;
    esac
    [[ $current == -* ]] && values=$flags files=
  fi
  COMPREPLY=()
  while IFS= read -r at; do
    COMPREPLY+=("$at")
  done < <(
    [[ -n $values ]] && compgen -W "$values" -- "$current"
    [[ -n $files ]] && compgen -f -- "$current"
  )
  [[ -n $files ]] && compopt -o filenames 2>/dev/null
  return 0
}
complete -F _askonce askonce
`;
}

export function zshScript(commands: readonly Command[]): string {
  const list = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const flags = commands.map((command) => {
    const words = wordsOf(command).map(({ name, help }) => quoted(`${name}:${help}`));
    return `    ${command.name}) flags=(${words.join(" ")}) ;;`;
  });
  const values = valued(commands).map(({ name, takes }) => {
    const what =
      takes === "files" ? "_files" : `compadd -- ${(takes as readonly string[]).map(quoted).join(" ")}`;
    return `    ${name}) ${what}; return ;;`;
  });
  const operands = Object.entries(OPERANDS).map(
    ([name, takes]) => `    ${name}) ${takes === "files" ? "_files" : `compadd -- ${takes.join(" ")}`} ;;`,
  );
  return `#compdef askonce
# zsh completions for askonce: askonce completions zsh > a file _askonce in a folder of $fpath
_askonce() {
  local -a commands flags
  local command= word
  commands=(
${list.join("\n")}
  )
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if (( \${commands[(I)\${(b)word}:*]} )); then
      command=$word
      break
    fi
  done
  # --flag=value: what stands before the sign is done.
  word=\${words[CURRENT-1]}
  if compset -P '--*='; then
    word=\${IPREFIX%=}
  fi
  case $word in
${values.join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    case \${command:-serve} in
${flags.join("\n")}
    esac
    _describe -o flag flags
    return
  fi
  case $command in
${operands.join("\n")}
    '') _describe command commands ;;
  esac
}
if [[ $funcstack[1] == _askonce ]]; then
  _askonce "$@"
else
  compdef _askonce askonce
fi
`;
}

export function fishScript(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const lines = [
    "# fish completions for askonce: askonce completions fish > ~/.config/fish/completions/askonce.fish",
    "complete -c askonce -f",
  ];
  for (const command of commands) {
    const seen = `__fish_seen_subcommand_from ${command.name}`;
    const unseen = `not __fish_seen_subcommand_from ${names}`;
    lines.push(
      `complete -c askonce -n ${fishQuoted(unseen)} -a ${command.name} -d ${fishQuoted(command.summary)}`,
    );
    for (const { name, help, takes } of wordsOf(command)) {
      const taken =
        takes === "nothing"
          ? ""
          : takes === "files"
            ? " -r -F"
            : ` -x${takes.length > 0 ? ` -a ${fishQuoted(takes.join(" "))}` : ""}`;
      const where = command.name === "serve" ? `${seen}; or ${unseen}` : seen;
      lines.push(
        `complete -c askonce -n ${fishQuoted(where)} -l ${name.slice(2)}${taken} -d ${fishQuoted(help)}`,
      );
    }
    const operands = OPERANDS[command.name];
    if (operands === "files") lines.push(`complete -c askonce -n ${fishQuoted(seen)} -F`);
    else if (operands)
      lines.push(`complete -c askonce -n ${fishQuoted(seen)} -a ${fishQuoted(operands.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}

/** For a POSIX-like shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
