import type { Config } from "./config.ts";
import {
  choice,
  duration,
  listenAddress,
  listOf,
  optionalPath,
  optionalUrl,
  size,
  yesNo,
} from "./config-kinds.ts";
import type { Setting } from "./config-settings.ts";

type Operator =
  | "admin"
  | "adminListen"
  | "journal"
  | "journalKeepMs"
  | "journalSize"
  | "requests"
  | "searchText"
  | "prices"
  | "otelEndpoint";

/** Settings of what an operator can look into and be told, and of what is remembered for that. */
export const operatorSettings: { readonly [Member in Operator]: Setting<Config[Member]> } = {
  admin: {
    name: "admin",
    kind: yesNo,
    fallback: "true",
    help: "Whether there is an admin API under /admin/api, and /metrics.",
  },
  adminListen: {
    name: "admin_listen",
    kind: listOf(listenAddress, `${listenAddress.valid}; several with commas between them`),
    fallback: "",
    help: "Where the admin API and /metrics are served instead of at listen.",
  },
  journal: {
    name: "journal",
    kind: yesNo,
    fallback: "true",
    help: "Whether requests are counted for statistics and written down.",
  },
  journalKeepMs: {
    name: "journal_keep",
    kind: duration,
    fallback: "30d",
    help: "How long single requests stay in the journal; sums stay for good.",
  },
  journalSize: {
    name: "journal_size",
    kind: size,
    fallback: "64MiB",
    help: "What single requests may take in the journal; the oldest go first.",
  },
  requests: {
    name: "requests",
    kind: choice("full", "hash", "off"),
    fallback: "full",
    help: "What is remembered of a stored answer's request: its texts, digests of its parts only, or nothing.",
  },
  searchText: {
    name: "search_text",
    kind: size,
    fallback: "32KiB",
    help: "How much of each request's texts can be searched; 0: none.",
  },
  prices: {
    name: "prices",
    kind: optionalPath,
    fallback: "",
    help: "A file with prices that outrank the built-in ones.",
  },
  otelEndpoint: {
    name: "otel_endpoint",
    kind: optionalUrl,
    fallback: "",
    help: "Where OpenTelemetry traces are sent, such as http://localhost:4318.",
  },
};
