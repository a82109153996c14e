import type { Kind } from "./config-kinds.ts";

/** Parts of a request's texts that `key.mask` knows by name. */
export const maskPresets = ["billing-header", "dates", "uuids", "temp-paths", "presigned-urls"] as const;
export type MaskPreset = (typeof maskPresets)[number];

/** What `key.mask` leaves out: a preset, a literal text, or a glob (`*`: any run within a line, `?`: any character). */
export type MaskRule =
  | { readonly kind: "preset"; readonly name: MaskPreset }
  | { readonly kind: "text" | "glob"; readonly text: string };

const LONGEST = 500;

/** Rules with commas between them; `\` before a comma, `*`, `?` or `\` takes its meaning from it. */
export const maskRules: Kind<readonly MaskRule[]> = {
  valid: `${maskPresets.join(", ")}, text:… for a literal text or glob:… with * and ? (not * alone or at the beginning); several with commas between them, \\, for a comma in one`,
  list: true,
  parse(text) {
    if (text.trim() === "") return [];
    const rules = splitRules(text).map((part) => ruleOf(part.trim()));
    return rules.includes(null) ? null : (rules as MaskRule[]);
  },
  format: (rules) =>
    rules
      .map((rule) =>
        rule.kind === "preset" ? rule.name : `${rule.kind}:${rule.text.replaceAll(",", "\\,")}`,
      )
      .join(", "),
};

function ruleOf(text: string): MaskRule | null {
  const name = maskPresets.find((preset) => preset === text);
  if (name !== undefined) return { kind: "preset", name };
  const found = /^(text|glob):([\s\S]+)$/.exec(text);
  if (found === null || text.length > LONGEST) return null;
  const [, kind, pattern = ""] = found;
  if (kind === "glob" && pattern.startsWith("*")) return null;
  return { kind: kind as "text" | "glob", text: pattern };
}

/** Splits at commas that have no `\` before them, and takes that `\` away. Other uses of `\` are left to the glob. */
function splitRules(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\" && text[at + 1] === ",") {
      part += ",";
      at++;
    } else if (text[at] === ",") {
      parts.push(part);
      part = "";
    } else part += text[at];
  }
  return [...parts, part];
}
