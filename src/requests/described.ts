import type { Described, KeptRequest } from "./kept.ts";

/** A remembered request as somebody would describe it; undefined where its body is not remembered in full. */
export function describedOf(_kept: KeptRequest): Described | undefined {
  return undefined;
}
