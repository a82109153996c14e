/** The tables of docs/keys.md, from the tables that the proxy itself goes by. */
import { maskPresets } from "../src/config-masks.ts";
import { bodyShape, freePlaces } from "../src/providers/body-shape.ts";
import type { Provider } from "../src/providers/provider.ts";
import { notAnswerHeaders } from "../src/providers/request-headers.ts";
import { type Condition, statefulRules } from "../src/providers/stateful-rules.ts";
import { fromSetting, providersFor } from "../src/providers/table.ts";
import { volatileFields, volatileFor } from "../src/providers/volatile.ts";
import { wantedHeaders } from "../src/proxy/key.ts";

const code = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;
const codes = (texts: Iterable<string>) => [...new Set(texts)].map(code).join(", ");
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** Azure and Bedrock have a host of each customer's own; any will do here. */
function documented(): Provider[] {
  const hosted = (name: string) =>
    fromSetting({ name, url: `https://${name}.example.org`, family: name, auth: undefined });
  return [...providersFor().values(), hosted("azure"), hosted("bedrock")];
}

interface Documented {
  readonly name: string;
  readonly path: string;
  readonly kind: Parameters<typeof bodyShape>[0];
}

/** The cacheable endpoints of a provider with the paths that go up. */
function endpointsOf(provider: Provider): Documented[] {
  const { family } = provider;
  return family.endpointNames.flatMap((name) => {
    const rests = [
      `/v1beta/models/{model}:${name}`,
      `/model/{model}/${name}`,
      `/openai/v1/${name}`,
      `/${name}`,
      `/hf-inference/${name}`,
      `/hf-inference/models/{org}/{model}/pipeline/${name}`,
    ];
    for (const rest of rests) {
      const path = provider.upstreamPath(rest);
      const endpoint = family.endpoint(path);
      if (endpoint) return [{ name, path, kind: endpoint.kind }];
    }
    return [];
  });
}

/** What makes a request BYPASS at an endpoint, by the words of `detail=`. */
function bypassWords(provider: Provider, { path, kind }: Documented): string[] {
  const protocol = provider.family.protocol(path) ?? "";
  return statefulRules
    .filter(({ protocols, kinds }) => protocols.includes(protocol) && (kinds?.includes(kind) ?? true))
    .map(({ word }) => word);
}

/** Endpoints with the same row stand together, and so do providers whose rows are all the same. */
function keys(): string {
  const byRows = Map.groupBy(documented(), (provider) => JSON.stringify(rowsOf(provider)));
  const rows = [...byRows].flatMap(([text, providers]) => {
    const names = providers.map(({ name }) => name).join(", ");
    return (JSON.parse(text) as string[][]).map((cells) => [names, ...cells]);
  });
  return table(["provider", "endpoints", "left out of the key", "BYPASS with"], rows);
}

function rowsOf(provider: Provider): string[][] {
  const grouped = Map.groupBy(endpointsOf(provider), (endpoint) => {
    const left = volatileFor({ provider, kind: endpoint.kind, path: endpoint.path }).map(({ name }) => name);
    return JSON.stringify([codes(left), codes(bypassWords(provider, endpoint))]);
  });
  return [...grouped].map(([cells, endpoints]) => [
    codes(endpoints.map(({ name }) => name)),
    ...(JSON.parse(cells) as string[]).map((cell) => cell || "–"),
  ]);
}

function keyHeaders(): string {
  const byHeaders = Map.groupBy(documented(), (provider) => codes(wantedHeaders(provider)));
  const rows = [...byHeaders].map(([headers, providers]) => [
    providers.map(({ name }) => name).join(", "),
    headers || "–",
  ]);
  return table(["provider", "headers in the key"], rows);
}

function keyNotHeaders(): string {
  const byReason = Map.groupBy(notAnswerHeaders, ({ reason }) => reason);
  return table(
    ["header", "why it is left out"],
    [...byReason].map(([reason, headers]) => [codes(headers.map(({ name }) => name)), reason]),
  );
}

function keyMembers(): string {
  const rows = volatileFields.map(({ name, dialects, kinds, providers, reason }) => [
    code(name),
    dialects.join(", "),
    kinds?.join(", ") ?? "all",
    providers?.join(", ") ?? "all",
    reason,
  ]);
  return table(["member", "in the shapes of", "endpoints", "providers", "why it is left out"], rows);
}

function keyBypass(): string {
  const rows = statefulRules.map(({ word, effect, protocols, member, when, reason }) => [
    code(word),
    protocols.join(", "),
    `${code(member)} ${condition(when)}`,
    effect,
    reason,
  ]);
  return table(["`detail=`", "in the shapes of", "where", "effect", "why"], rows);
}

function condition(when: Condition): string {
  if ("matches" in when) return `matches ${code(when.matches.source)}`;
  if ("hasSystemTool" in when) {
    return `has one of \`tools\` with a \`systemTool\` whose name matches ${code(when.hasSystemTool.source)}`;
  }
  if ("hasType" in when) return `has one whose type matches ${code(when.hasType.source)}`;
  if ("hasMember" in when) return `has one with a member that matches ${code(when.hasMember.source)}`;
  if ("sets" in when) return `sets ${code(when.sets)}${when.without ? ` without ${code(when.without)}` : ""}`;
  return when.is === true ? "is `true`" : `is ${when.is}`;
}

/** Objects in which the order of members does not count, by the endpoints that have them. */
function keyOrder(): string {
  const found = new Map<string, Set<string>>();
  for (const provider of documented()) {
    for (const { name, path, kind } of endpointsOf(provider)) {
      const places = freePlaces(bodyShape(kind, path)).filter((place) => place !== "");
      const names = found.get(codes(places)) ?? new Set();
      found.set(codes(places), names.add(name));
    }
  }
  const rows = [...found].map(([places, names]) => [codes(names), places || "only the top level"]);
  return table(["endpoints", "beside the top level"], rows);
}

export const keyTables: Readonly<Record<string, () => string>> = {
  keys,
  keyHeaders,
  keyNotHeaders,
  keyMembers,
  keyBypass,
  keyOrder,
  keyPresets: () => maskPresets.map((name) => `- ${code(name)}`).join("\n"),
};
