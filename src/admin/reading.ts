import * as v from "valibot";
import { adminErrors } from "../errors.ts";
import type { Asked, Route, Schema } from "./route.ts";

export const MAX_JSON = 1024 * 1024;

/** Reads what a route asks for; throws `AdminError` where it is not that. */
export async function readAsked(
  route: Route,
  request: Request,
  params: Readonly<Record<string, string>>,
): Promise<Asked> {
  const asked = {
    params: route.params && checked(route.params, params, "path"),
    query: queryOf(route, new URL(request.url).searchParams),
    body: undefined,
    bytes: new Uint8Array(),
    request,
  };
  const { body } = route;
  if (body === undefined) return asked;
  if ("lines" in body) {
    requireType(request, ["application/json", ...body.lines]);
    return asked;
  }
  requireType(request, ["application/json"]);
  const bytes = await readBytes(request, body.maxBytes ?? MAX_JSON);
  const value = bytes.byteLength === 0 && body.optional ? {} : jsonOf(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw adminErrors.invalid("body: expected an object");
  const found = checked(body.json, value, "body") as Readonly<Record<string, unknown>>;
  // For valibot an array is an object too, and comes out as one.
  for (const [name, member] of Object.entries(value)) {
    if (Array.isArray(member) && !Array.isArray(found[name]))
      throw adminErrors.invalid(`body.${name}: expected an object`);
  }
  return { ...asked, bytes, body: found };
}

function queryOf(route: Route, given: URLSearchParams): unknown {
  const names = new Set(given.keys());
  if (route.query === undefined) {
    const [extra] = names;
    if (extra !== undefined) throw adminErrors.invalid(`query: ${quoted(extra)} is not known here`);
    return undefined;
  }
  const numbers = numericMembers(route.query);
  const values = [...names].map((name) => {
    const all = given.getAll(name);
    if (all.length > 1) throw adminErrors.invalid(`query: ${quoted(name)} is given more than once`);
    const text = all[0]!;
    return [name, numbers.has(name) && /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text];
  });
  return checked(route.query, Object.fromEntries(values), "query");
}

/** Members that are numbers: in a query they come as text. */
function numericMembers(schema: Schema): ReadonlySet<string> {
  const entries = membersOf(schema);
  const numeric = (member: Schema): boolean =>
    member.type === "number" || ("wrapped" in member && numeric(member.wrapped as Schema));
  return new Set(Object.keys(entries).filter((name) => numeric(entries[name]!)));
}

type Issue = v.BaseIssue<unknown>;

/** Of a union the form that is met, else what the nearest one lacks. */
function checked(schema: Schema, value: unknown, where: string): unknown {
  const forms = formsOf(schema);
  let nearest: { readonly issue: Issue; readonly distance: number } | undefined;
  for (const form of forms) {
    const found = v.safeParse(form, value, { abortPipeEarly: true });
    if (found.success) return found.output;
    const [issue] = found.issues;
    const distance = found.issues.length + (isUnknown(issue) ? 0.5 : 0);
    if (nearest === undefined || distance < nearest.distance) nearest = { issue, distance };
  }
  throw adminErrors.invalid(wording(nearest!.issue, { where, forms }).slice(0, 500));
}

function formsOf(schema: Schema): readonly Schema[] {
  return schema.type === "union" ? (schema as unknown as { options: readonly Schema[] }).options : [schema];
}

function isUnknown(issue: Issue): boolean {
  return issue.type === "strict_object" && issue.expected === "never";
}

function wording(issue: Issue, { where, forms }: { where: string; forms: readonly Schema[] }): string {
  const path = v.getDotPath(issue);
  const cut = path?.lastIndexOf(".") ?? -1;
  const parent = cut < 0 ? where : `${where}.${path!.slice(0, cut)}`;
  const last = (path ?? "").slice(cut + 1);
  if (isUnknown(issue)) {
    const elsewhere = cut < 0 && forms.some((form) => Object.hasOwn(membersOf(form), last));
    return `${parent}: ${quoted(last)} ${elsewhere ? "cannot stand beside the other members" : "is not known here"}`;
  }
  if (issue.type === "strict_object" && issue.received === "undefined")
    return `${parent}: ${issue.expected} is missing`;
  const place = path === null ? where : where === "body" ? `${where}.${path}` : `${where}: ${path}`;
  // What was received is left out: it may be a secret that stands in the wrong place.
  return `${place}: ${issue.message.startsWith("Invalid ") ? `expected ${issue.expected}` : issue.message}`;
}

function membersOf(schema: Schema): Readonly<Record<string, Schema>> {
  return "entries" in schema ? (schema.entries as Record<string, Schema>) : {};
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

function requireType(request: Request, wanted: readonly string[]): void {
  const given = request.headers.get("content-type") ?? "";
  const type = given.split(";", 1)[0]!.trim().toLowerCase();
  if (!wanted.includes(type)) throw adminErrors.mediaType(wanted);
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw adminErrors.invalid("body: this is not JSON in UTF-8");
  }
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw adminErrors.tooLarge(maxBytes);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of request.body ?? []) {
    size += piece.byteLength;
    if (size > maxBytes) throw adminErrors.tooLarge(maxBytes);
    pieces.push(piece);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
