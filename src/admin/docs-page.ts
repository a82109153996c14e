import { STYLE } from "./docs-style.ts";
import type { JsonObject, OpenApi, Operation, Parameter } from "./openapi.ts";

/** The document as one page that loads nothing, runs nothing and holds no data. */
export function docsPage(document: OpenApi): string {
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const groups = document.tags.map((tag) => ({
    ...tag,
    calls: calls.filter(({ operation }) => operation.tags.includes(tag.name)),
  }));
  const schemas = Object.entries(document.components.schemas);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(document.info.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<nav>
<a class="home" href="#top">askonce <small>${escaped(document.info.version)}</small></a>
${groups.map(({ name, calls }) => `<h2>${escaped(name)}</h2>\n<ul>${calls.map(navItem).join("\n")}</ul>`).join("\n")}
<h2>Shapes</h2>
<ul>${schemas.map(([name]) => `<li><a href="#${anchor(name)}">${escaped(name)}</a></li>`).join("\n")}</ul>
</nav>
<main id="top">
<h1>${escaped(document.info.title)}</h1>
${prose(document.info.description)}
<p>The same for programs: <a href="openapi.json">openapi.json</a> (OpenAPI ${escaped(document.openapi)}).</p>
<pre><code>TOKEN=$(cat ~/.local/share/askonce/admin-token)
curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8181/admin/api/stats</code></pre>
<p>An error is <code>{"error":{"code","message"}}</code>: <code>code</code> is for programs and stays,
<code>message</code> is for people.</p>
${groups.map(group).join("\n")}
<h2 class="group" id="shapes">Shapes</h2>
${schemas.map(([name, schema]) => `<section id="${anchor(name)}"><h3>${escaped(name)}</h3>${members(schema)}</section>`).join("\n")}
</main>
</body>
</html>
`;
}

interface Call {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

function navItem({ path, method, operation }: Call): string {
  const short = path.replace("/admin/api", "");
  return `<li><a href="#${anchor(operation.operationId)}"><b class="${method.toLowerCase()}">${method}</b> ${escaped(short)}</a></li>`;
}

function group({
  name,
  description,
  calls,
}: {
  name: string;
  description: string;
  calls: readonly Call[];
}): string {
  return `<h2 class="group">${escaped(name)}</h2>${prose(description)}\n${calls.map(section).join("\n")}`;
}

function section(call: Call): string {
  const { path, method, operation } = call;
  const { requestBody, responses, parameters, security } = operation;
  const { 200: answer, ...failures } = responses;
  const shape = Object.entries(answer?.content ?? {})[0];
  return `<section id="${anchor(operation.operationId)}">
<h3>${escaped(operation.summary)}</h3>
<p class="call"><b class="${method.toLowerCase()}">${method}</b> <code>${escaped(path)}</code>${security ? ' <span class="open">no token needed</span>' : ""}</p>
${operation.description ? prose(operation.description) : ""}
${parameters.length > 0 ? `<h4>Parameters</h4>${table(parameters.map(parameterRow))}` : ""}
${requestBody ? `<h4>Body</h4>${requestBody.description ? prose(requestBody.description) : ""}${bodies(requestBody.content)}` : ""}
<pre><code>${escaped(curl(call))}</code></pre>
<h4>Answer</h4>
${prose(answer?.description ?? "")}
${shape ? answerShape(shape[0], shape[1].schema) : ""}
<details><summary>Errors: ${Object.keys(failures).join(", ")}</summary>${table(
    Object.entries(failures).map(([status, { description }]) => [status, "", prose(description)]),
  )}</details>
</section>`;
}

function parameterRow({ name, required, description, schema }: Parameter): Row {
  return [
    `<code>${escaped(name)}</code>${required ? ' <em class="required">required</em>' : ""}`,
    typeOf(schema),
    prose(description ?? ""),
  ];
}

function bodies(content: NonNullable<Operation["requestBody"]>["content"]): string {
  const [first] = Object.values(content);
  const types = Object.keys(content).map((type) => `<code>${escaped(type)}</code>`);
  return `<p>${types.join(" or ")}</p>${first === undefined ? "" : members(first.schema)}`;
}

function answerShape(type: string, schema: JsonObject): string {
  if (type !== "application/json") return `<p><code>${escaped(type)}</code></p>`;
  return members(schema);
}

type Row = readonly [name: string, type: string, text: string];

function table(rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const cells = rows.map(([name, type, text]) => `<tr><th>${name}</th><td>${type}</td><td>${text}</td></tr>`);
  return `<div class="wide"><table>${cells.join("\n")}</table></div>`;
}

/** The members of an object, those inside it with their path. */
function members(schema: JsonObject): string {
  const forms = (schema.anyOf ?? []) as readonly JsonObject[];
  if (forms.some(({ properties }) => properties)) return forms.map(members).join("<p>or</p>");
  const rows = rowsOf(schema, "");
  const text = typeof schema.description === "string" ? prose(schema.description) : "";
  return text + (rows.length > 0 ? table(rows) : `<p>${typeOf(schema)}</p>`);
}

function rowsOf(schema: JsonObject, path: string): Row[] {
  const parts = (schema.allOf ?? []) as readonly JsonObject[];
  const own = Object.entries((schema.properties ?? {}) as Record<string, JsonObject>);
  const required = (schema.required ?? []) as readonly string[];
  const also = parts.flatMap((part) =>
    typeof part.$ref === "string"
      ? [[`<code>${escaped(path)}…</code>`, typeOf(part), prose("All of its members.")] as const]
      : rowsOf(part, path),
  );
  const rows = own.flatMap(([name, member]) => {
    const optional = required.includes(name) ? "" : ' <em class="optional">optional</em>';
    const text = typeof member.description === "string" ? prose(member.description) : "";
    const row: Row = [`<code>${escaped(path + name)}</code>${optional}`, typeOf(member), text];
    const [inner, suffix] = insideOf(member);
    return [row, ...rowsOf(inner, `${path}${name}${suffix}.`)];
  });
  return [...rows, ...also];
}

/** What stands in an array, or beside a null. */
function insideOf(member: JsonObject): [JsonObject, string] {
  const { items, anyOf } = member as { items?: JsonObject; anyOf?: readonly JsonObject[] };
  if (items !== undefined) return [items, "[]"];
  return [anyOf?.find(({ type }) => type === "object") ?? member, ""];
}

function typeOf(schema: JsonObject): string {
  const { $ref, anyOf, items, const: constant, default: fallback } = schema;
  const values = schema.enum as readonly unknown[] | undefined;
  const otherwise =
    fallback === undefined || typeof fallback === "object"
      ? ""
      : ` <small>else ${escaped(String(fallback))}</small>`;
  if (typeof $ref === "string") return reference($ref);
  if (values) return values.map((value) => `<code>${escaped(String(value))}</code>`).join(" ") + otherwise;
  if (constant !== undefined) return `<code>${escaped(String(constant))}</code>`;
  if (Array.isArray(anyOf)) return (anyOf as JsonObject[]).map(typeOf).join(" or ");
  if (Array.isArray(schema.allOf)) return "object";
  if (items !== undefined) return `list of ${typeOf(items as JsonObject)}`;
  return `${plainType(schema)}${otherwise}`;
}

function plainType({ type, format, minimum, maximum, maxLength }: JsonObject): string {
  if (type === undefined) return "any";
  if (format === "date-time") return "time";
  const bounds = maximum === undefined ? "" : ` <small>${minimum ?? 0} to ${maximum}</small>`;
  const length = maxLength === undefined ? "" : ` <small>at most ${maxLength} characters</small>`;
  return `${escaped(String(type))}${bounds}${length}`;
}

function reference(to: string): string {
  const name = to.slice(to.lastIndexOf("/") + 1);
  return `<a href="#${anchor(name)}">${escaped(name)}</a>`;
}

const SAMPLE_KEY = "9ea2d0c9…";

function curl({ path, method, operation }: Call): string {
  const url = `http://127.0.0.1:8181${path.replace("{key}", SAMPLE_KEY).replace("{label}", "3f1c9a7be204")}`;
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${url}`];
  if (!operation.security) lines.push('-H "Authorization: Bearer $TOKEN"');
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (type) lines.push(`-H 'Content-Type: ${type}'`);
  if (typeof content?.example === "string") lines.push("--data-binary @cassette.ndjson");
  else if (content) lines.push(`-d '${sample(content.example)}'`);
  return lines.join(" \\\n  ");
}

/** Text of the document as HTML: what stands between backticks is code. */
function prose(text: string): string {
  const html = escaped(text).replace(/`([^`]+)`/g, "<code>$1</code>");
  return html === "" ? "" : `<p>${html}</p>`;
}

/** On one line where it is short. */
function sample(example: unknown): string {
  const line = JSON.stringify(example);
  return line.length > 80 ? JSON.stringify(example, null, 2) : line;
}

function anchor(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, "-");
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
