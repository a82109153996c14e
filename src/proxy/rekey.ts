import type { CacheKey, EntryFacts } from "../cache/entry.ts";
import type { Config } from "../config.ts";
import { isLookUp, LOOK_UP } from "../providers/look-ups.ts";
import type { Asked, Endpoint, Provider } from "../providers/provider.ts";
import { volatileNames } from "../providers/volatile.ts";
import type { KeptRequest, RequestHead } from "../requests/kept.ts";
import { digestBody, formDigest, ignoredNames, rawDigest } from "./body-digest.ts";
import { endpointAt } from "./call.ts";
import { MASKED_VALUE } from "./credential.ts";
import { sha256Bytes } from "./digest.ts";
import { readDocument } from "./document.ts";
import { answerHeaders, keyOf, wantedHeaders } from "./key.ts";
import type { ProxyParts } from "./parts.ts";
import { EVERYBODY } from "./policy.ts";

/** Works out under which key a remembered request's answer belongs here and now. Never rejects for what it is given. */
export type Rekey = (
  request: KeptRequest,
  /** Label of the credential in whose own pool the answer lay; "" or undefined: it lay in the pool of all. */
  options: { credential?: string | undefined },
) => Promise<
  { readonly key: CacheKey; readonly facts: Omit<EntryFacts, "stream"> } | { readonly refused: string }
>;

interface RekeyOptions {
  /** The tag behind a label that this process has not seen itself. */
  readonly knownTag?: (label: string) => string | undefined | Promise<string | undefined>;
}

export function rekeyer(
  parts: Pick<ProxyParts, "config" | "providers" | "credentials">,
  { knownTag = () => undefined }: RekeyOptions = {},
): Rekey {
  return async (request, { credential = "" }) => {
    const { head } = request;
    const config = parts.config();
    const provider = parts.providers().get(head.provider);
    if (provider === undefined) return refused(`no provider named ${head.provider} is configured`);
    const unclear = whyUnclear(request);
    if (unclear !== undefined) return refused(unclear);
    const endpoint = endpointOf(head, provider, config);
    if (endpoint === undefined)
      return refused(`${head.method} ${head.path} is no endpoint whose answers are kept`);
    const body = await readKept(request, { provider, endpoint, config });
    if (body === undefined) return refused("its body is not remembered");

    const perCredential = config.scope === "credential" && provider.auth !== "none";
    const own = credential !== "" || perCredential || body.accountBound;
    if (own && credential === "") {
      return refused("its answer belongs into a credential's own pool: name the credential's label");
    }
    const tag = own ? (parts.credentials.tagOf(credential) ?? (await knownTag(credential))) : EVERYBODY;
    if (tag === undefined) return refused(`the credential ${credential} has not been seen here`);
    const { namespace, sample, model } = head;
    const headers = answerHeaders(headersOf(head), wantedHeaders(provider, config.keyHeaders));
    const key = keyOf({
      partition: tag,
      namespace,
      sample,
      provider: provider.name,
      path: head.path,
      query: head.query,
      headers,
      body: body.digest,
    });
    return { key, facts: { provider: provider.name, endpoint: endpoint.kind, model, namespace, pool: tag } };
  };
}

function refused(why: string): { readonly refused: string } {
  return { refused: why };
}

/** Why what is remembered is not what was asked. */
function whyUnclear({ head, masked }: KeptRequest): string | undefined {
  const [first, ...more] = masked;
  if (first !== undefined) {
    return `a credential was masked at ${first}${more.length > 0 ? ` and at ${more.length} more places` : ""}`;
  }
  if (head.path.includes(MASKED_VALUE)) return "what looks like a credential was masked in its path";
  if (head.query.includes(MASKED_VALUE)) return "what looks like a credential was masked in its query";
  const header = head.headers.find((line) => line.includes(MASKED_VALUE));
  return header && `what looks like a credential was masked in its header ${header.split(":", 1)[0]}`;
}

function endpointOf(head: RequestHead, provider: Provider, config: Config): Endpoint | undefined {
  const { method, path } = head;
  if (isLookUp(method, path)) return LOOK_UP;
  const found = { endpoint: provider.family.endpoint(path), upstreamPath: path };
  return endpointAt(found, { method, rules: config.cachePaths });
}

function headersOf({ headers }: RequestHead): Headers {
  const found = new Headers();
  for (const line of headers) {
    const colon = line.indexOf(": ");
    found.append(line.slice(0, colon), line.slice(colon + 2));
  }
  return found;
}

/** The body's digest under today's settings, and whether the request is bound to an account. */
async function readKept(
  { head, body }: KeptRequest,
  options: { provider: Provider; endpoint: Endpoint; config: Config },
): Promise<{ digest: string; accountBound: boolean } | undefined> {
  const { provider, endpoint, config } = options;
  const { path, query, contentType } = head;
  const bound = (json?: Asked["json"]) => provider.family.accountBound({ endpoint, path, query, json });
  if (head.method === "GET") return { digest: "", accountBound: false };
  // With `requests = hash` the digest is all there is.
  if (body === undefined)
    return head.digest === "" ? undefined : { digest: head.digest, accountBound: bound() };
  if (body.form === "bytes") return { digest: rawDigest(contentType, body.sha256), accountBound: bound() };
  if (body.form === "fields") {
    const ignored = ignoredNames(volatileNames({ provider, kind: endpoint.kind, path }), config);
    const fields = body.fields.map((field) => ({ ...field, isFile: isFile(field.headers) }));
    return { digest: formDigest(fields, ignored), accountBound: bound() };
  }
  const bytes = new TextEncoder().encode(body.text);
  if (body.form === "text") {
    const opens = body.text.trimStart().startsWith("{");
    return {
      digest: rawDigest(contentType, await sha256Bytes(bytes)),
      accountBound: opens || bound(),
    };
  }
  const document = await readDocument([bytes], bytes.byteLength);
  const { digest } = await digestBody(bytes, {
    contentType,
    provider,
    endpoint,
    path,
    json: document !== undefined,
    settings: config,
  });
  return { digest, accountBound: bound(document?.value as Asked["json"]) };
}

function isFile(headers: readonly string[]): boolean {
  return headers.some((line) => /^content-disposition:.*[;\s]filename\*?=/i.test(line));
}
