import { baseUrl, path } from "./config-kinds.ts";
import { flagOf, settings, variableOf } from "./config-settings.ts";

/** The settings that are not one value of `Config`, as the tables show them. */
const others: readonly Row[] = [
  {
    flag: "--provider NAME=URL",
    variable: "ASKONCE_PROVIDER_NAME=URL",
    key: "[providers.NAME] url, family, auth",
    fallback: "",
    valid: `${baseUrl.valid}; behind it, where needed, family=FAMILY and auth=key or auth=none`,
    help: "A further provider, or another address for one that is built in. Repeatable.",
  },
  {
    flag: "--config",
    variable: "ASKONCE_CONFIG",
    key: "",
    fallback: "askonce.toml in the data folder, else in $XDG_CONFIG_HOME/askonce",
    valid: path.valid,
    help: "The settings file. SIGHUP reads it again.",
  },
];

interface Row {
  readonly flag: string;
  readonly variable: string;
  readonly key: string;
  readonly fallback: string;
  readonly valid: string;
  readonly help: string;
}

/** Every setting with its flag, variable, file key and default, as a Markdown table for the README. */
export function settingsTable(): string {
  const cell = (text: string) => (text === "" ? "" : `\`${text}\``);
  const rows = tableRows().map(
    ({ flag, variable, key, fallback, help }) =>
      `| ${cell(key)} | ${cell(flag)} | ${cell(variable)} | ${cell(fallback)} | ${help} |`,
  );
  return ["| file | flag | variable | default | |", "| --- | --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}

/** The same with what is valid, a paragraph a setting, as Markdown for docs/settings.md. */
export function settingsReference(): string {
  const paragraphs = tableRows().map(({ flag, variable, key, fallback, valid, help }) => {
    const name = key === "" ? flag : key;
    const ways = [flag, variable].filter((way) => way !== name).map((way) => `\`${way}\``);
    const value = fallback === "" ? "none" : `\`${fallback}\``;
    return `### \`${name}\`\n\n${help}\n\n${ways.join(", ")}. Default: ${value}. Valid: ${valid.replaceAll("<", "&lt;")}.`;
  });
  return paragraphs.join("\n\n");
}

/** The same for a terminal: what `askonce config --help` prints. */
export function settingsHelp(): string {
  const paragraphs = tableRows().map(({ flag, variable, key, fallback, valid, help }) =>
    [
      `  ${flag}  ${variable}${key === "" ? "" : `  ${key}`}`,
      `      ${help}`,
      `      Default: ${fallback === "" ? "none" : fallback}. Valid: ${valid}.`,
    ].join("\n"),
  );
  return `${paragraphs.join("\n")}\n`;
}

function tableRows(): readonly Row[] {
  const plain = Object.values(settings).map(({ name, kind, fallback, help }) => ({
    flag: flagOf(name),
    variable: variableOf(name),
    key: name,
    fallback,
    valid: kind.valid,
    help,
  }));
  return [...plain, ...others];
}
