import { ConfigError } from "../errors.ts";
import { bedrockFamily } from "./bedrock.ts";
import { azureForms, bedrockForms, type ProviderRow, rows } from "./builtin.ts";
import { clientVariablesOf } from "./client-variables.ts";
import { genericFamily } from "./generic.ts";
import { vllmFamily } from "./local.ts";
import { openaiFamily } from "./openai.ts";
import { OPENAI_RESOURCES, type PathForms, upstreamPath } from "./paths.ts";
import type { Family, Provider } from "./provider.ts";
import { ownAnswerHeaders } from "./request-headers.ts";

/** A provider by configuration (`ProviderSetting` in config.ts). */
export interface Setting {
  readonly name: string;
  readonly url: string | undefined;
  readonly family: string | undefined;
  readonly auth: "key" | "none" | undefined;
}

type Kind = Pick<ProviderRow, "name" | "family" | "forms" | "auth" | "local" | "clientHints">;

/** Kinds of provider that are not built in under their own name. */
const KINDS: Readonly<Record<string, Kind>> = {
  openai: kind(
    "openai",
    // What gateways and self-hosted servers offer between them.
    vllmFamily,
    { root: "/v1", aliases: [], resources: OPENAI_RESOURCES },
  ),
  azure: kind("azure", openaiFamily(), azureForms, ["OPENAI_BASE_URL={base}/openai/v1"]),
  bedrock: kind("bedrock", bedrockFamily, bedrockForms),
  generic: kind("generic", genericFamily, { root: "", aliases: [], resources: [] }, ["{base}"]),
};

function kind(name: string, family: Family, forms: PathForms, clientHints: readonly string[] = []): Kind {
  return { name, family, forms, auth: "key", local: false, clientHints };
}

const builtinRows = new Map(rows.map((row) => [row.name, row]));

/** The families (and built-in providers, whose ways are taken over) that a setting may name. */
export const familyNames: readonly string[] = [...new Set([...Object.keys(KINDS), ...builtinRows.keys()])];

export const builtinNames: readonly string[] = rows.map((row) => row.name);

/**
 * A configured provider: a built-in one at another URL, or a new one (family `openai` unless the address is Azure's
 * or Bedrock's). Throws `ConfigError` for a new one without URL and for an unknown family.
 */
export function fromSetting(setting: Setting): Provider {
  const { name, family } = setting;
  if (family !== undefined && !familyNames.includes(family)) {
    throw new ConfigError(
      `providers.${name}.family`,
      family,
      "providers",
      `one of ${familyNames.join(", ")}`,
    );
  }
  const row = builtinRows.get(name);
  const baseUrl = setting.url ?? row?.baseUrl;
  if (baseUrl === undefined) {
    const valid = `a URL, since ${name} is none of the built-in providers (${builtinNames.join(", ")})`;
    throw new ConfigError(`providers.${name}.url`, "", "providers", valid);
  }
  const like = family === undefined ? (row ?? kindByAddress(name, baseUrl)) : kindByName(family);
  return build({
    name,
    baseUrl,
    like: {
      ...like,
      auth: setting.auth ?? like.auth,
      local: like.local || (row === undefined && setting.auth === "none"),
    },
  });
}

function kindByName(family: string): Kind {
  return (Object.hasOwn(KINDS, family) ? KINDS[family] : builtinRows.get(family)) as Kind;
}

/** What a new provider speaks where nobody says. A base under another version than v1 keeps its own. */
function kindByAddress(name: string, baseUrl: string): Kind {
  const { hostname, pathname } = new URL(baseUrl);
  if (name === "azure" || /\.azure\.com$/.test(hostname)) return KINDS.azure as Kind;
  if (name === "bedrock" || /^bedrock-runtime[.-].*\.amazonaws\.com$/.test(hostname))
    return KINDS.bedrock as Kind;
  const openai = KINDS.openai as Kind;
  const version = /\/(v\d+[a-z0-9]*)\/?$/.exec(pathname)?.[1];
  if (version === undefined || version === "v1") return openai;
  return { ...openai, forms: { ...openai.forms, root: `/${version}`, aliases: ["/v1"] } };
}

function build(facts: { name: string; baseUrl: string; like: Kind }): Provider {
  const { name, baseUrl, like } = facts;
  return {
    name,
    family: like.family,
    answerHeaders: ownAnswerHeaders({ name, like: like.name, builtin: builtinRows.has(name) }),
    baseUrl: baseUrl.replace(/\/+$/, ""),
    auth: like.auth,
    local: like.local,
    upstreamPath: (rest) => upstreamPath(rest, like.forms),
    clientHints: hintsFor(like),
    variables: clientVariablesOf(like.name),
  };
}

/** The variable of its own first. */
function hintsFor({ name, clientHints }: Pick<Kind, "name" | "clientHints">): readonly string[] {
  const own = clientVariablesOf(name).slice(0, 1);
  return [...own.map((variable) => `${variable.name}={base}${variable.path}`), ...clientHints];
}

/** All providers: the built-in ones, and those configured over or beside them (a later setting counts). */
export function providersFor(settings: readonly Setting[] = []): ReadonlyMap<string, Provider> {
  const table = new Map(
    rows.map((row) => [row.name, build({ name: row.name, baseUrl: row.baseUrl, like: row })]),
  );
  for (const setting of settings) table.set(setting.name, fromSetting(setting));
  return table;
}

/** The built-in providers as plain text, for documentation and tests. */
export function providerFacts() {
  return rows.map((row) => ({
    name: row.name,
    baseUrl: row.baseUrl,
    family: row.family.name,
    sdkPath: `/${row.name}${row.example.sdk}`,
    shortPath: `/${row.name}${row.example.short}`,
    upstream: row.baseUrl + row.example.upstream,
    credential: row.credential,
    auth: row.auth,
    clientHints: hintsFor(row),
  }));
}
