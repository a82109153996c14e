import { namesAccountState } from "./bound.ts";
import { at, isObject, type JsonObject, listAt, textAt } from "./json.ts";
import type { Asked } from "./provider.ts";
import { remembered } from "./remembered.ts";
import { type StatefulRule, statefulRules } from "./stateful-rules.ts";

/** The rules for one protocol's bodies at one kind of endpoint. */
const rulesFor = remembered((id: string) => {
  const [protocol = "", kind] = id.split(" ");
  return statefulRules.filter(
    ({ protocols, kinds }) =>
      protocols.includes(protocol) && (kinds === undefined || kinds.some((known) => known === kind)),
  );
});

/** The first rule that applies and is not among the `allowed` words, by its word; undefined where none does or the body is no JSON object. */
export function statefulWord(
  asked: Asked,
  options: { protocol: string; allowed: readonly string[] },
): string | undefined {
  const { protocol, allowed } = options;
  return findRule(asked, { protocol, among: ({ word }) => !allowed.includes(word) })?.word;
}

/** The rule that gave a request this word. */
export function statefulRule(
  asked: Asked,
  { protocol, word }: { protocol: string; word: string },
): StatefulRule | undefined {
  return findRule(asked, { protocol, among: (rule) => rule.word === word });
}

function findRule(
  { json, endpoint }: Asked,
  { protocol, among }: { protocol: string; among: (rule: StatefulRule) => boolean },
): StatefulRule | undefined {
  if (json === undefined) return undefined;
  for (const rule of rulesFor(`${protocol} ${endpoint.kind}`)) {
    if (meets(json, rule) && among(rule)) return rule;
  }
  return undefined;
}

function meets(json: JsonObject, { member, when }: StatefulRule): boolean {
  const value = Object.hasOwn(json, member) ? json[member] : undefined;
  if ("is" in when) {
    if (when.is === true) return value === true;
    return isSet(value) === (when.is === "set");
  }
  // The rest ask for something that is there.
  if (value === undefined) return false;
  if ("matches" in when)
    return [value].flat().some((name) => typeof name === "string" && when.matches.test(name));
  if ("hasSystemTool" in when) return systemTools(value).some((name) => when.hasSystemTool.test(name));
  if ("sets" in when) {
    return isSet(at(value, when.sets)) && (when.without === undefined || !isSet(at(value, when.without)));
  }
  const items = listAt(json, member).filter(isObject);
  if ("hasMember" in when)
    return items.some((item) => Object.keys(item).some((name) => when.hasMember.test(name)));
  return items.some((item) =>
    [item.type, item.id].some((name) => typeof name === "string" && when.hasType.test(name)),
  );
}

/** The names of the tools that the provider runs itself; "" for one without. */
function systemTools(config: unknown): string[] {
  const tools = listAt(config, "tools").map((tool) => at(tool, "systemTool"));
  return tools.filter(isSet).map((tool) => textAt(tool, "name") ?? "");
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return Boolean(value);
}

/** Whether a request is one account's own: see `Family.accountBound`. */
export function boundRequest(asked: Asked): boolean {
  const { json } = asked;
  if (json === undefined) return asked.endpoint.kind === "responses";
  // A response is kept at the provider unless the request says no; elsewhere only where it says yes.
  if (asked.endpoint.kind === "responses" ? json.store !== false : json.store === true) return true;
  const include = listAt(json, "include");
  return include.includes("reasoning.encrypted_content") || namesAccountState(json);
}
