import type * as v from "valibot";
import type { AdminErrorStatus } from "../errors.ts";

export type Members = v.GenericSchema<Record<string, unknown>, Record<string, unknown>>;

/** One call of the admin API: what is asked, what is answered, and how. Checks, types and the document come from it. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below /admin/api, as OpenAPI writes it: `/entries/{key}`. */
  readonly path: string;
  readonly id: string;
  readonly group: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: Schema | undefined;
  readonly query?: Schema | undefined;
  readonly body?: RouteBody | undefined;
  readonly answer: RouteAnswer;
  /** Beside 401, 403, 405 and 500, which every route can answer. */
  readonly errors: readonly AdminErrorStatus[];
  /** Whether it needs no token. */
  readonly open?: boolean;
  /** A value is sent as JSON. */
  handle(asked: Asked): Promise<unknown>;
}

/** With named members: a `v.object` or a `v.strictObject`, whatever checks follow it. */
export type Schema = v.GenericSchema;

export type RouteBody =
  | {
      readonly json: Schema;
      /** Whether no body at all stands for `{}`. */
      readonly optional?: boolean;
      readonly maxBytes?: number;
      readonly example: unknown;
    }
  /** Read by the handler itself, as it comes. */
  | { readonly lines: readonly string[]; readonly description: string; readonly example: string };

export type RouteAnswer =
  | { readonly json: Schema; readonly description: string }
  | {
      readonly type: string;
      readonly description: string;
      readonly headers?: Readonly<Record<string, string>>;
    };

export interface Asked {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** The body as it came, where the route takes JSON. */
  readonly bytes: Uint8Array;
  readonly request: Request;
}

type Out<S> = S extends v.GenericSchema ? v.InferOutput<S> : undefined;

/** Gives a route's handler the types of its schemas. */
export function route<
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  B extends RouteBody | undefined = undefined,
  A extends RouteAnswer = RouteAnswer,
>(
  facts: Omit<Route, "handle" | "params" | "query" | "body" | "answer"> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    readonly answer: A;
    handle(asked: {
      readonly params: Out<P>;
      readonly query: Out<Q>;
      readonly body: B extends { readonly json: infer S } ? Out<S> : undefined;
      readonly bytes: Uint8Array;
      readonly request: Request;
    }): Promise<
      Response | (A extends { readonly json: infer S extends v.GenericSchema } ? v.InferInput<S> : never)
    >;
  },
): Route {
  return facts as unknown as Route;
}
