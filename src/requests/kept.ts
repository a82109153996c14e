/** What is remembered of a request beside its answer: enough to read it, to find it and to work out its key anew. */

/** What of a request counts for its key, but for its body. */
export interface RequestHead {
  readonly method: "POST" | "GET";
  /** The provider's name. */
  readonly provider: string;
  /** Endpoint kind, for example `chat`. */
  readonly endpoint: string;
  readonly model: string | undefined;
  /** "" for none. */
  readonly namespace: string;
  readonly sample: number;
  /** Upstream path, and query without credentials: "" or with its leading "?". */
  readonly path: string;
  readonly query: string;
  /** Response-changing headers as `name: value` lines, sorted. */
  readonly headers: readonly string[];
  /** Of the body, "" where there is none. */
  readonly contentType: string;
  /** Digest of the body's canonical form: `json:…`, `form:…`, `raw:…`; "" where there is no body. */
  readonly digest: string;
}

/** A request whose answer was just kept, or one that is asked about, with its body as it came (decoded). */
export interface NewRequest {
  readonly head: RequestHead;
  readonly body: Uint8Array;
  /** Names of top-level members (and form fields) that do not count for the key: they are not remembered. */
  readonly ignored: readonly string[];
  /**
   * What to remember of the body, where it is not at hand byte for byte (a form or a file from a cassette): `body` is
   * empty then.
   */
  readonly kept?: KeptBody | undefined;
}

/** A request as it was remembered. Credentials inside its body are masked. */
export interface KeptRequest {
  readonly head: RequestHead;
  /** Undefined where the body was not remembered: setting `requests`, or dropped to save room. */
  readonly body: KeptBody | undefined;
  /** Paths of members whose value was a credential and is masked: its key can't be worked out from it. */
  readonly masked: readonly string[];
}

export type KeptBody =
  /** The JSON text, members in the order as sent, without those ignored. */
  | { readonly form: "json"; readonly text: string }
  /** A form's parts in their order; a file is named by its digest. */
  | { readonly form: "fields"; readonly fields: readonly KeptField[] }
  | { readonly form: "text"; readonly text: string }
  /** Neither JSON nor text. */
  | { readonly form: "bytes"; readonly sha256: string; readonly size: number };

export interface KeptField {
  /** Lines of the part's head as they count for the key. */
  readonly headers: readonly string[];
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** A field's text; undefined for a file. */
  readonly text: string | undefined;
}

/** A stored entry that is close to a request, nearest first. */
export interface Near {
  /** Hex, 64 characters. */
  readonly key: string;
  /** Epoch ms. */
  readonly storedAt: number;
  readonly namespace: string;
  readonly model: string | undefined;
  /** How much of the request is the same, 0 to 1. */
  readonly same: number;
  /** What differs; at most 20. */
  readonly differences: readonly Difference[];
  /** Differences beyond those named. */
  readonly more: number;
}

export interface Difference {
  /** Where: `messages[3].content`, `temperature`, `namespace`, `sample`, `headers.anthropic-beta`, `query.x`. */
  readonly path: string;
  /** The two values as JSON or text, shortened to 200 characters around the first difference; undefined: absent. */
  readonly asked: string | undefined;
  readonly stored: string | undefined;
}

/** A request as somebody describes it, to be explained or replayed in thought. */
export interface Described {
  readonly method: string;
  /** As a client would send it: `/openai/v1/chat/completions`, with query and controls. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Digest of a body that is not at hand as it was sent; it counts instead of what `body` holds. */
  readonly digest?: string | undefined;
  /** The credential's own pool in which the answer lies, where whoever describes has its entry and not its key. */
  readonly pool?: string | undefined;
}

/** What askonce makes of a request. */
export interface Explained {
  /** The word that `X-Cache-Status` would say now, or the code of the error that would be the answer. */
  readonly would: string;
  /** One sentence that says why. */
  readonly why: string;
  /** The word of `Cache-Status: …; detail=`, where there is one. */
  readonly detail: string | undefined;
  readonly provider: string | undefined;
  readonly endpoint: string | undefined;
  readonly model: string | undefined;
  readonly namespace: string;
  /** Undefined where the request is not cacheable. */
  readonly key: string | undefined;
  /** What the key is made of, in order: key version, pool, namespace, sample, provider, path, query, headers, body. */
  readonly keyParts: readonly { readonly name: string; readonly value: string }[];
  readonly leftOut: readonly LeftOut[];
  /** The body as it counts, readable; undefined for none or one that counts byte for byte. */
  readonly canonical: string | undefined;
  /** What is stored under the key. */
  readonly stored: { readonly storedAt: number; readonly ageMs: number; readonly leftMs: number } | undefined;
  readonly nearest: readonly Near[];
}

export interface LeftOut {
  readonly where: "header" | "body" | "query" | "text";
  readonly name: string;
  readonly reason: string;
}
