/** All of Node's modules that the core may use, so that it compiles where no runtime's types exist. */
declare module "node:crypto" {
  interface Digest {
    update(data: string | Uint8Array): Digest;
    digest(): Uint8Array;
    digest(encoding: "hex" | "base64" | "base64url"): string;
  }
  export function createHash(algorithm: "sha256"): Digest;
  export function hash(algorithm: "sha256", data: string | Uint8Array, encoding: "hex"): string;
  export function createHmac(algorithm: "sha256", key: string | Uint8Array): Digest;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}

declare module "node:buffer" {
  export const Buffer: { compare(a: Uint8Array, b: Uint8Array): number };
  export function isUtf8(bytes: Uint8Array): boolean;
}

declare module "node:zlib" {
  export function crc32(data: Uint8Array): number;
}
