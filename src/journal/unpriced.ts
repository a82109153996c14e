import type { Spent } from "../cache/entry.ts";
import { FREE_KINDS } from "../providers/provider.ts";
import type { RefreshEvent, RequestEvent } from "./event.ts";

/** Whether nobody knows what a provider call cost: it brought an answer that is paid for, and has no price. */
export function isUnpricedCall({
  paid,
  usage,
  costUsd,
  endpoint,
}: Pick<RequestEvent | RefreshEvent, "paid" | "usage" | "costUsd" | "endpoint">): boolean {
  return paid && costUsd === undefined && (tokensOf(usage) > 0 || takesMoney(endpoint));
}

/** Whether nobody knows what the answer from the store would have cost. A 404 costs nothing. */
export function isUnpricedHit({
  saved,
  status,
  endpoint,
}: Pick<RequestEvent, "saved" | "status" | "endpoint">): boolean {
  if (saved === undefined || saved.costUsd !== undefined) return false;
  return tokensOf(saved) > 0 || (status < 400 && takesMoney(endpoint));
}

export function tokensOf(spent: Pick<Spent, "inputTokens" | "outputTokens"> | undefined): number {
  return spent === undefined ? 0 : (spent.inputTokens ?? 0) + (spent.outputTokens ?? 0);
}

/** A picture costs money though it counts no tokens. */
function takesMoney(endpoint: string | undefined): boolean {
  return endpoint !== undefined && !FREE_KINDS.has(endpoint);
}
