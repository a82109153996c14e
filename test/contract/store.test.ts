import { memoryStore } from "../../src/cache/memory.ts";
import { tieredStore } from "../../src/cache/tiered.ts";
import { MIB, openTestStore, temporaryFolder } from "../support/store.ts";
import { steeringContract } from "./steering.ts";
import { type Contract, storeContract } from "./store.ts";

function contract(name: string, made: Contract): void {
  storeContract(name, made);
  steeringContract(name, made);
}

contract("memory", {
  open: async (maxSize = 64 * MIB) => memoryStore({ maxBytes: maxSize }),
  largeBodies: false,
});

contract("sqlite", {
  open: (maxSize = 256 * MIB) => openTestStore(temporaryFolder(), { maxSize }),
  largeBodies: true,
});

contract("memory over sqlite", {
  open: async (maxSize = 256 * MIB) =>
    tieredStore({
      memory: memoryStore({ maxBytes: 64 * MIB }),
      durable: await openTestStore(temporaryFolder(), { maxSize }),
    }),
  largeBodies: true,
});
