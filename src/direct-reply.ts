import type { Source } from "./host.ts";

/**
 * An answer whose body an adapter may take as it is: one that says so (`Peer.takesDirect`) gets bytes uncopied, and a
 * source without the stream around it, which costs more than its bytes. Others get an ordinary response.
 */
export class Reply extends Response {
  readonly direct: Uint8Array | Source | undefined;

  constructor(
    direct: Uint8Array | Source | undefined,
    init: {
      status: number;
      headers: Headers;
      /** What stands for `direct` where the adapter does not take it; without it the body is empty there. */
      body?: BodyInit | null | undefined;
    },
  ) {
    super(init.body ?? null, { status: init.status, headers: init.headers });
    this.direct = direct;
  }
}

/** A `Reply` for an adapter that takes the direct form: it has no native parts, which take longer to make than to send. */
class DirectReply implements Pick<Reply, "status" | "statusText" | "headers" | "body" | "ok" | "direct"> {
  readonly body = null;
  /** Asked for where another response is made from this one's head, as Hono does for HEAD. */
  readonly statusText = "";

  constructor(
    readonly direct: Uint8Array | Source | undefined,
    readonly status: number,
    readonly headers: Headers,
  ) {}

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
}

Object.setPrototypeOf(DirectReply.prototype, Reply.prototype);

/** An answer that only an adapter gets which says `Peer.takesDirect`. The headers are used as they are, uncopied. */
export function directReply(
  direct: Uint8Array | Source | undefined,
  { status, headers }: { status: number; headers: Headers },
): Reply {
  return new DirectReply(direct, status, headers) as unknown as Reply;
}
