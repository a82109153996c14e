import { readFileValues } from "./config-file.ts";
import { baseUrl } from "./config-kinds.ts";
import { byName, flagOf, variableOf } from "./config-settings.ts";
import { ConfigError } from "./errors.ts";
import { nearest } from "./nearest.ts";

export interface Sources {
  /** The settings file, where there is one. */
  readonly file?: { readonly path: string; readonly text: string } | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As on the command line, in order: `["--ttl", "4h"]`. */
  readonly flags: readonly (readonly [flag: string, value: string])[];
}

/** One value as somebody gave it. */
export interface Given {
  readonly name: string;
  readonly text: string;
  readonly where: string;
  readonly list: boolean;
}

/** Every value given, weakest source first, so that the last of one name counts. Throws ConfigError. */
export function givenValues(sources: Sources, warnings: string[]): readonly Given[] {
  return [...fromFile(sources), ...fromVariables(sources, warnings), ...fromFlags(sources)];
}

/** The names of flags that take a value, for the reader of the command line. */
export function knownFlags(): readonly string[] {
  return [...[...byName.keys()].map(flagOf), "--provider", "--config"];
}

function fromFile({ file }: Sources): readonly Given[] {
  const given = file ? readFileValues(file.path, file.text) : [];
  for (const { name, text, where } of given) {
    if (text === "{}" && /^(upstream|key|tls|providers(\.[^.]+)?)$/.test(name)) continue;
    if (!byName.has(name) && !/^providers\.[^.]+\.(url|family|auth)$/.test(name)) {
      throw unknown({ name, value: text, where, known: [...byName.keys(), "providers.NAME.url"] });
    }
  }
  return given;
}

function fromVariables({ env }: Sources, warnings: string[]): readonly Given[] {
  const names = new Map([...byName.keys()].map((name) => [variableOf(name), name]));
  const given: Given[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith("ASKONCE_") || variable === "ASKONCE_CONFIG") continue;
    const where = `variable ${variable}`;
    const provider = /^ASKONCE_PROVIDER_(.+)$/.exec(variable)?.[1]?.toLowerCase();
    const name = names.get(variable);
    if (name !== undefined) given.push({ name, text, where, list: false });
    else if (provider !== undefined) given.push(...providerGiven({ name: provider, text, where }));
    else {
      const close = nearest(variable, names.keys());
      warnings.push(`the variable ${variable} is no setting and was ignored${close ? `: ${close}?` : ""}`);
    }
  }
  return given;
}

function fromFlags({ flags }: Sources): readonly Given[] {
  const names = new Map([...byName.keys()].map((name) => [flagOf(name), name]));
  return flags.flatMap(([flag, text]): readonly Given[] => {
    const where = `flag ${flag}`;
    if (flag === "--config") return [];
    if (flag === "--provider") {
      const found = /^([^=]*)=(.*)$/s.exec(text);
      if (!found) throw new ConfigError("provider", text, where, `NAME=URL, with ${baseUrl.valid} as URL`);
      return providerGiven({ name: found[1]!, text: found[2]!, where });
    }
    const name = names.get(flag);
    if (name === undefined) throw unknown({ name: flag, value: text, where, known: knownFlags() });
    return [{ name, text, where, list: false }];
  });
}

/** `URL family=FAMILY auth=none`, the last two where needed. */
function providerGiven({
  name,
  text,
  where,
}: {
  name: string;
  text: string;
  where: string;
}): readonly Given[] {
  const [url, ...facts] = text.split(" ").filter((part) => part !== "");
  const given = [{ name: `providers.${name}.url`, text: url ?? "", where, list: false }];
  for (const fact of facts) {
    const found = /^(family|auth)=(.+)$/.exec(fact);
    const valid = "URL family=FAMILY auth=key or auth=none";
    if (!found) throw new ConfigError(`providers.${name}`, text, where, valid);
    given.push({ name: `providers.${name}.${found[1]}`, text: found[2]!, where, list: false });
  }
  return given;
}

/** What to say of a name that is not known, with the nearest that is. */
export function unknown(what: {
  name: string;
  value: string;
  where: string;
  known: readonly string[];
  /** What is unknown, where it is the value and not the name. */
  of?: string;
}): ConfigError {
  const close = nearest(what.of ?? what.name, what.known);
  const all = what.known.join(", ");
  return new ConfigError(
    what.name,
    what.value,
    what.where,
    close ? `${close} (known: ${all})` : `one of ${all}`,
  );
}
