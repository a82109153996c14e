import type { Archive } from "../cache/archive.ts";
import type { Flights } from "../cache/flights.ts";
import type { Store } from "../cache/store.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Host } from "../host.ts";
import type { Journal } from "../journal/event.ts";
import type { Pricing } from "../journal/pricing.ts";
import type { Provider } from "../providers/provider.ts";
import type { Budget } from "./budget.ts";
import type { CredentialReader } from "./credential.ts";
import type { Owners } from "./elsewhere.ts";
import type { FlightHead } from "./flight.ts";
import type { Refreshes } from "./refresh.ts";
import type { RequestMemory } from "./repeats.ts";
import type { Samples } from "./samples.ts";
import type { Verified } from "./verified.ts";
import type { Watch } from "./watch.ts";

/** Answers that go on with nobody reading, over all requests. */
export const UNREAD_LIMIT = 64;

/** What one request's journey needs, put together once by `compose.ts`. */
export interface ProxyParts {
  /** The settings of this moment; a request reads them once. */
  readonly config: () => Config;
  readonly providers: () => ReadonlyMap<string, Provider>;
  readonly host: Pick<Host, "fetch" | "fetchPlain" | "http2" | "decodes" | "decode">;
  readonly store: Store;
  readonly flights: Flights<FlightHead>;
  readonly journal: Journal;
  readonly pricing: Pricing;
  readonly archive: Pick<Archive, "keep" | "nearest">;
  readonly clock: Clock;
  readonly budget: Budget;
  readonly credentials: CredentialReader;
  readonly verified: Verified;
  readonly refreshes: Refreshes;
  readonly samples: Samples;
  /** Requests that were answered from the store before. */
  readonly memory: RequestMemory;
  /** Whether the store is that of one cassette and its one user: everything complete is kept, look-ups included. */
  readonly recording: () => boolean;
  /** Looks on while one command runs. */
  readonly watch?: Watch | undefined;
  /** The other workers at this port, where there are some. */
  readonly owners?: Owners | undefined;
  /** Calls that go on though nobody reads them, and how many may. */
  readonly unread: { count: number; readonly limit: number };
  /** This process's name in `CDN-Loop`. */
  readonly loopId: string;
  /** That name for a provider on this machine or network, where a loop can happen; undefined for others. */
  readonly loopFor: (url: string) => string | undefined;
  /** Request ids, unique. */
  readonly newId: () => string;
  /** One line for the operator. */
  readonly report: (message: string) => void;
}
