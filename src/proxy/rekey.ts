import type { Rekey } from "../cache/archive.ts";
import type { Config } from "../config.ts";
import { isLookUp, LOOK_UP } from "../providers/look-ups.ts";
import type { Asked, Endpoint, Provider } from "../providers/provider.ts";
import { volatileNames } from "../providers/volatile.ts";
import type { KeptField, KeptRequest, RequestHead } from "../requests/kept.ts";
import { isLabel } from "../requests/multipart.ts";
import { digestBody, type FormField, formDigest, ignoredNames, rawDigest } from "./body-digest.ts";
import { endpointAt } from "./call.ts";
import { MASKED_VALUE, withoutCredentials } from "./credential.ts";
import { sha256Bytes } from "./digest.ts";
import { readDocument } from "./document.ts";
import { keyHeadersOf, keyOf } from "./key.ts";
import type { ProxyParts } from "./parts.ts";
import { EVERYBODY, RECORDERS } from "./policy.ts";
import { modelOf } from "./question.ts";

interface RekeyOptions {
  /** The tag behind a label that this process has not seen itself. */
  readonly knownTag?: (label: string) => string | undefined | Promise<string | undefined>;
}

export function rekeyer(
  parts: Pick<ProxyParts, "config" | "providers" | "credentials" | "recording">,
  { knownTag = () => undefined }: RekeyOptions = {},
): Rekey {
  return async (request, { credential = "", own = false }) => {
    const { head } = request;
    const config = parts.config();
    const provider = parts.providers().get(head.provider);
    if (provider === undefined) return refused(`no provider named ${head.provider} is configured`);
    const unclear = whyUnclear(request);
    if (unclear !== undefined) return refused(unclear);
    const endpoint = endpointOf(head, provider, config);
    if (endpoint === undefined) {
      return refused(`${head.method} ${head.path} is no endpoint whose answers are kept`);
    }
    const body = await readKept(request, { provider, endpoint, config });
    if (body === undefined) return refused("its body is not remembered");

    const recording = parts.recording();
    const perCredential = config.scope === "credential" && provider.auth !== "none";
    const apart = own || perCredential || body.accountBound;
    if (apart && credential === "" && !recording) {
      return refused("its answer belongs into a credential's own pool: name the credential's label");
    }
    const ownPool = async () => parts.credentials.tagOf(credential) ?? (await knownTag(credential));
    const pool = !apart ? EVERYBODY : recording ? RECORDERS : await ownPool();
    if (pool === undefined) return refused(`the credential ${credential} has not been seen here`);
    const { namespace, sample, path, query } = head;
    const headers = keyHeadersOf(headersOf(head), { provider, path, more: config.keyHeaders });
    const named = { provider: provider.name, namespace, sample, path, query, headers };
    const model = body.model ?? head.model;
    return {
      key: keyOf({ ...named, partition: pool, body: body.digest }),
      facts: { provider: provider.name, endpoint: endpoint.kind, model, namespace, pool },
      // Somebody may have written a cassette's line by hand.
      head: {
        ...head,
        endpoint: endpoint.kind,
        model,
        query: withoutCredentials(query),
        headers,
        digest: body.digest,
      },
    };
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

interface KeptFacts {
  readonly digest: string;
  readonly accountBound: boolean;
  readonly model: string | undefined;
}

/** The body's digest under today's settings, the model that it names, and whether it is bound to an account. */
async function readKept(
  { head, body }: KeptRequest,
  options: { provider: Provider; endpoint: Endpoint; config: Config },
): Promise<KeptFacts | undefined> {
  const { provider, endpoint, config } = options;
  const { path, query, contentType } = head;
  const asked: Asked = { endpoint, path, query, json: undefined };
  const unread = (digest: string): KeptFacts => ({
    digest,
    accountBound: provider.family.accountBound(asked),
    model: modelOf(asked),
  });
  if (head.method === "GET") return { digest: "", accountBound: false, model: modelOf(asked) };
  // With `requests = hash` the digest is all there is.
  if (body === undefined) return head.digest === "" ? undefined : unread(head.digest);
  if (body.form === "bytes") return unread(rawDigest(contentType, body.sha256));
  if (body.form === "fields") {
    const ignored = ignoredNames(volatileNames({ provider, kind: endpoint.kind, path }), config);
    const fields: FormField[] = [];
    for (const field of body.fields) fields.push({ ...field, ...(await contentOf(field)) });
    const model = body.fields.find(({ name }) => name === "model")?.text;
    return { ...unread(formDigest(fields, ignored)), ...(model !== undefined && { model }) };
  }
  const bytes = new TextEncoder().encode(body.text);
  const document = body.form === "json" ? await readDocument([bytes], bytes.byteLength) : undefined;
  const { digest } = await digestBody(bytes, {
    contentType,
    provider,
    endpoint,
    path,
    json: document,
    settings: config,
  });
  const read: Asked = { ...asked, json: document?.value as Asked["json"] };
  return { digest, accountBound: provider.family.accountBound(read), model: modelOf(read) };
}

/** A field's text may have been edited since it was digested. */
async function contentOf(field: KeptField): Promise<Pick<FormField, "isLabel" | "sha256">> {
  const { text, sha256 } = field;
  if (text === undefined) return { isLabel: false, sha256 };
  return { isLabel: isLabel(field, text), sha256: await sha256Bytes(new TextEncoder().encode(text)) };
}
