/** IP addresses and networks, told apart without a runtime's help. */

/** The addresses that share their first bits. */
export interface Network {
  /** As it was written. */
  readonly text: string;
  readonly address: readonly number[];
  readonly bits: number;
}

const V4_IN_V6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** 16 bytes, IPv4 as `::ffff:a.b.c.d`, so that both ways of writing one are equal; undefined for what is none. */
export function addressBytes(text: string): readonly number[] | undefined {
  const v4 = IPV4.exec(text)?.slice(1).map(Number);
  if (v4) return v4.every((part) => part < 256) ? [...V4_IN_V6, ...v4] : undefined;
  if (!/^[0-9a-f:.]{2,45}$/i.test(text) || !text.includes(":")) return undefined;
  // A URL checks it, and writes the last two groups in hex where they were an IPv4 address.
  const plain = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
  if (plain === undefined) return undefined;
  const [head = "", tail] = plain.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((hex) => Number.parseInt(hex, 16));
  const [first, last] = [groups(head), groups(tail ?? "")];
  const whole = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return whole.flatMap((group) => [group >> 8, group & 0xff]);
}

/** `10.0.0.0/8`, `fd00::/8` or a single address; undefined for what is none. */
export function readNetwork(text: string): Network | undefined {
  const [, host = "", length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = addressBytes(host);
  if (address === undefined) return undefined;
  const most = host.includes(":") ? 128 : 32;
  const bits = length === undefined ? most : Number(length);
  return bits > most ? undefined : { text, address, bits: bits + 128 - most };
}

export function isWithin(address: string, networks: readonly Network[]): boolean {
  const bytes = addressBytes(address);
  return bytes !== undefined && networks.some((network) => shares(bytes, network));
}

function shares(bytes: readonly number[], { address, bits }: Network): boolean {
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) if (bytes[at] !== address[at]) return false;
  const mask = (0xff00 >> (bits & 7)) & 0xff;
  return ((bytes[whole] ?? 0) & mask) === ((address[whole] ?? 0) & mask);
}

/** Whether a provider is on this machine or network: only there can a request come back. */
export function isNear(url: string): boolean {
  const { hostname } = new URL(url);
  if (hostname === "localhost" || !hostname.includes(".") || hostname.endsWith(".localhost")) return true;
  return /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/.test(hostname);
}
