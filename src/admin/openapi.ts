import { toJsonSchema } from "@valibot/to-json-schema";
import type { AdminErrorStatus } from "../errors.ts";
import { entryPage, storedEntry } from "./entries.ts";
import { entryJson } from "./entry-json.ts";
import { requestJson } from "./entry-request.ts";
import { rowJson } from "./requests.ts";
import type { Route, Schema } from "./route.ts";
import { failure } from "./schemas.ts";
import { figures } from "./stats.ts";

/** Schemas with a name of their own in the document. */
const NAMED: Readonly<Record<string, Schema>> = {
  Error: failure,
  Entry: entryJson,
  EntryPage: entryPage,
  StoredEntry: storedEntry,
  RememberedRequest: requestJson,
  RequestRow: rowJson,
  Figures: figures,
};

const ERRORS: Readonly<Record<AdminErrorStatus, string>> = {
  400: "Something in the request is not valid; the message names it.",
  401: "The token is missing or wrong.",
  403: "A page of another origin asked.",
  404: "There is no such thing.",
  405: "Another method is needed; `Allow` names it.",
  409: "What is needed is not remembered.",
  413: "The body is too large.",
  415: "Another Content-Type is needed.",
  500: "A fault of askonce's own.",
  503: "The store or what is kept beside it cannot be used now, or too many ask at once.",
};

export type JsonObject = { readonly [name: string]: unknown };

export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonObject>> } & JsonObject;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly description?: string;
    readonly content: Content;
  };
  readonly responses: Readonly<Record<string, Answer>>;
  readonly security?: readonly [];
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonObject;
}

interface Answer {
  readonly description: string;
  readonly headers?: JsonObject;
  readonly content?: Content;
}

type Content = Readonly<Record<string, { readonly schema: JsonObject; readonly example?: unknown }>>;

/** The OpenAPI 3.1 document of these routes. */
export function openApi(
  routes: readonly Route[],
  facts: { version: string; groups: Readonly<Record<string, string>> },
): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const path = `/admin/api${route.path}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "askonce admin API",
      version: facts.version,
      description:
        "See and steer an askonce. Every call but this document and its page needs the admin token, which is kept in `admin-token` in the data folder. Times are RFC 3339, durations and money say their unit.",
    },
    tags: Object.entries(facts.groups).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(NAMED).map(([name, one]) => [name, named(one, name)])),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
    ...{ security: [{ token: [] }] },
  };
}

function operation(route: Route): Operation {
  const { body, answer } = route;
  const always: AdminErrorStatus[] = route.open ? [403, 405, 500] : [401, 403, 405, 500];
  const strict: AdminErrorStatus[] = [400];
  const errors = [...new Set([...strict, ...always, ...route.errors])].sort((a, b) => a - b);
  return {
    operationId: route.id,
    tags: [route.group],
    summary: route.summary,
    ...(route.description && { description: route.description }),
    parameters: [...parameters(route.params, "path"), ...parameters(route.query, "query")],
    ...(body && { requestBody: requestBody(body) }),
    responses: {
      200: {
        description: answer.description,
        ...("headers" in answer && answer.headers && { headers: headersOf(answer.headers) }),
        content:
          "json" in answer
            ? { "application/json": { schema: schemaOf(answer.json) } }
            : { [answer.type]: { schema: {} } },
      },
      ...Object.fromEntries(errors.map((status) => [status, failureOf(status)])),
    },
    ...(route.open && { security: [] as const }),
  };
}

function requestBody(body: NonNullable<Route["body"]>): NonNullable<Operation["requestBody"]> {
  if ("json" in body) {
    const content = { "application/json": { schema: schemaOf(body.json), example: body.example } };
    return { required: true, content };
  }
  const lines = { schema: { type: "string" }, example: body.example };
  return {
    required: true,
    description: body.description,
    content: Object.fromEntries(body.lines.map((type) => [type, lines])),
  };
}

function parameters(schema: Schema | undefined, where: "path" | "query"): readonly Parameter[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema) as {
    properties?: Record<string, JsonObject>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: where,
    required: required.includes(name),
    ...(typeof description === "string" && { description }),
    schema,
  }));
}

function headersOf(headers: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  );
}

function failureOf(status: AdminErrorStatus): Answer {
  return {
    description: ERRORS[status],
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
}

function schemaOf(schema: Schema): JsonObject {
  const { $schema: _, $defs: __, ...json } = converted(schema, NAMED);
  return json;
}

/** A named schema itself, with references to the others. */
function named(schema: Schema, name: string): JsonObject {
  const { [name]: _, ...others } = NAMED;
  const { $schema: __, $defs: ___, ...json } = converted(schema, others);
  return json;
}

function converted(schema: Schema, definitions: Readonly<Record<string, Schema>>): JsonObject {
  return toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
    // What only code can check is said in words.
    ignoreActions: ["check"],
    definitions,
    overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  }) as JsonObject;
}
