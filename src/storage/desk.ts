/** What runs in the archive's thread. */
export {};
