import { memoryStore } from "../../src/cache/memory.ts";
import { tieredStore } from "../../src/cache/tiered.ts";
import { MIB, openTestStore, temporaryFolder } from "../support/store.ts";
import { storeContract } from "./store.ts";

storeContract("memory", {
  open: async () => memoryStore({ maxBytes: 64 * MIB }),
  largeBodies: false,
});

storeContract("sqlite", {
  open: () => openTestStore(temporaryFolder()),
  largeBodies: true,
});

storeContract("memory over sqlite", {
  open: async () =>
    tieredStore({
      memory: memoryStore({ maxBytes: 64 * MIB }),
      durable: await openTestStore(temporaryFolder()),
    }),
  largeBodies: true,
});
