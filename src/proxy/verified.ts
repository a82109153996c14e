import type { Clock } from "../clock.ts";

/** Credentials remembered at most; the one accepted longest ago goes first. */
const REMEMBERED = 10_000;

export interface Claim {
  readonly provider: string;
  /** Model as the request names it, in its path and in its body. */
  readonly model: string;
  /** HMAC of the credential. */
  readonly tag: string;
}

/** What a provider said about a credential. */
export interface Heard {
  readonly claim: Claim;
  readonly accepted: boolean;
}

/**
 * Scope `verified`: which credentials a provider has accepted here, per model, and for how long that counts. Held
 * in memory: after a restart each credential asks its provider once more.
 */
export class Verified {
  /** Monotonic ms of the last acceptance; the oldest first. */
  readonly #accepted = new Map<string, number>();
  readonly #clock: Clock;
  readonly #ttlMs: () => number;
  readonly #told: (heard: Heard) => void;

  /** `told` is told of what providers said to this process. */
  constructor(clock: Clock, ttlMs: () => number, told: (heard: Heard) => void = () => {}) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#told = told;
  }

  has(claim: Claim): boolean {
    const at = this.#accepted.get(nameOf(claim));
    return at !== undefined && this.#clock.monotonic() - at < this.#ttlMs();
  }

  /** The provider has answered this credential with something worth keeping. */
  accept(claim: Claim): void {
    this.learn({ claim, accepted: true });
    this.#told({ claim, accepted: true });
  }

  /** The provider has refused this credential: a key that was taken back opens nothing, for whatever model. */
  refuse(claim: Claim): void {
    this.learn({ claim, accepted: false });
    this.#told({ claim, accepted: false });
  }

  /** Takes what a provider said to whichever process. */
  learn({ claim, accepted }: Heard): void {
    if (accepted) this.#accept(claim);
    else this.#refuse(claim);
  }

  #accept(claim: Claim): void {
    const name = nameOf(claim);
    this.#accepted.delete(name);
    this.#accepted.set(name, this.#clock.monotonic());
    if (this.#accepted.size <= REMEMBERED) return;
    for (const oldest of this.#accepted.keys()) {
      this.#accepted.delete(oldest);
      return;
    }
  }

  #refuse({ provider, tag }: Claim): void {
    const start = `${provider} ${tag} `;
    for (const name of this.#accepted.keys()) if (name.startsWith(start)) this.#accepted.delete(name);
  }
}

function nameOf({ provider, tag, model }: Claim): string {
  return `${provider} ${tag} ${model}`;
}
