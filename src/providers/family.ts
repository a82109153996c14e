import { finding, formRefusal } from "./finding.ts";
import type {
  Asked,
  AskonceError,
  Endpoint,
  EndpointKind,
  ErrorBody,
  Family,
  Finding,
  Watcher,
} from "./provider.ts";
import { remembered } from "./remembered.ts";
import { boundRequest, statefulWord } from "./stateful.ts";

/** How the answers of one kind of endpoint are read. */
export interface Protocol {
  /** Which rules of `stateful.ts` apply. */
  readonly name: string;
  watch(asked: Asked, contentType: string): Watcher | undefined;
  judge(asked: Asked, value: unknown, shortened: boolean): Finding;
}

export interface EndpointFacts {
  readonly kind: EndpointKind;
  readonly protocol: Protocol;
  readonly pure?: boolean;
  readonly streamsByDefault?: boolean;
}

/** A set of endpoints below one kind of root, as servers offer them together. */
export interface Surface {
  /** Matches a path; its first group is what `endpoints` are named by. */
  readonly path: RegExp;
  readonly endpoints: Readonly<Record<string, EndpointFacts>>;
  readonly error: (error: AskonceError) => ErrorBody;
}

/** A family made of surfaces; the first that knows a path decides. */
export function composeFamily(
  name: string,
  surfaces: readonly Surface[],
  answerHeaders: readonly string[],
): Family {
  const find = remembered((path: string) => {
    for (const surface of surfaces) {
      const tail = surface.path.exec(path)?.[1];
      if (tail !== undefined && Object.hasOwn(surface.endpoints, tail)) {
        return { surface, facts: surface.endpoints[tail] as EndpointFacts };
      }
    }
    return undefined;
  });
  return {
    name,
    answerHeaders,
    endpointNames: [...new Set(surfaces.flatMap(({ endpoints }) => Object.keys(endpoints)))],
    protocol: (path) => find(path)?.facts.protocol.name,
    endpoint: (path) => {
      const facts = find(path)?.facts;
      return facts && endpointOf(facts);
    },
    stateful: (asked, allowed = []) => {
      const protocol = find(asked.path)?.facts.protocol;
      return protocol && statefulWord(asked, { protocol: protocol.name, allowed });
    },
    accountBound: (asked) => boundRequest(asked),
    watch: (asked, contentType) => find(asked.path)?.facts.protocol.watch(asked, contentType),
    judge: (asked, value, shortened = false) => {
      const facts = find(asked.path)?.facts;
      if (facts === undefined) return finding({});
      const refusal = formRefusal(facts.kind, value);
      return refusal ? finding({ refusal }) : facts.protocol.judge(asked, value, shortened);
    },
    error: (error, path) =>
      ((path === undefined ? undefined : find(path)?.surface) ?? first(surfaces)).error(error),
  };
}

function first(surfaces: readonly Surface[]): Surface {
  const [surface] = surfaces;
  if (surface === undefined) throw new Error("a family has at least one surface");
  return surface;
}

function endpointOf(facts: EndpointFacts): Endpoint {
  const { kind, pure = false, streamsByDefault } = facts;
  return streamsByDefault === undefined ? { kind, pure } : { kind, pure, streamsByDefault };
}

/**
 * Whether a 200 is to be read as server-sent events: by its type, and, where a stream was asked for, whenever it
 * does not claim to be JSON. What then turns out to be no stream has no end marker, and is not kept.
 */
export function isEventStream(asked: Asked, contentType: string): boolean {
  if (contentType === "text/event-stream") return true;
  return asked.json?.stream === true && !/json/.test(contentType);
}
