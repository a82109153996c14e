import assert from "node:assert/strict";
import { test } from "node:test";
import { addressBytes, isWithin, type Network, readNetwork } from "../../src/network.ts";
import { clientOf } from "../../src/proxy/forwarded.ts";

const networks = (...texts: string[]): Network[] =>
  texts.map((text) => readNetwork(text) ?? assert.fail(`${text} is no network`));

test("an address is read in each way that it is written, and nothing else is", () => {
  const hex = (text: string) =>
    addressBytes(text)
      ?.map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
  assert.equal(hex("127.0.0.1"), "00000000000000000000ffff7f000001");
  assert.equal(hex("::ffff:127.0.0.1"), hex("127.0.0.1"));
  assert.equal(hex("::FFFF:7f00:1"), hex("127.0.0.1"));
  assert.equal(hex("::1"), `${"0".repeat(31)}1`);
  assert.equal(hex("::"), "0".repeat(32));
  assert.equal(hex("2001:db8::a:0:1"), "20010db8000000000000000a00000001");
  assert.equal(hex("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
  assert.equal(hex("fe80::"), "fe80".padEnd(32, "0"));
  for (const text of [
    ...["", "-", "unknown", "256.0.0.1", "1.2.3", "1.2.3.4.5", "0x7f.0.0.1", "1.2.3.4:80", "[::1]", ":::"],
    ...["1:2:3:4:5:6:7:8:9", "::1%eth0", "localhost", "::1/128", "g::1", "1::2::3"],
  ]) {
    assert.equal(addressBytes(text), undefined, text);
  }
});

test("a network holds the addresses that share its first bits", () => {
  for (const [network, inside, outside] of [
    [
      "10.0.0.0/8",
      ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
      ["11.0.0.0", "9.255.255.255", "::10.0.0.1"],
    ],
    ["192.168.1.128/25", ["192.168.1.128", "192.168.1.255"], ["192.168.1.127", "192.168.2.128"]],
    ["172.16.0.0/12", ["172.16.0.1", "172.31.255.255"], ["172.32.0.0", "172.15.255.255"]],
    ["127.0.0.1", ["127.0.0.1"], ["127.0.0.2"]],
    ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], ["::1", "2001:db8::1"]],
    ["fd00::/8", ["fd12:3456::1"], ["fe00::1", "::1"]],
    ["::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2", "127.0.0.1"]],
  ] as const) {
    for (const one of inside) assert.ok(isWithin(one, networks(network)), `${one} in ${network}`);
    for (const one of outside) assert.ok(!isWithin(one, networks(network)), `${one} not in ${network}`);
  }
  for (const text of ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "/8", "loopback", "10.0.0.0/-1"]) {
    assert.equal(readNetwork(text), undefined, text);
  }
});

test("who asks is the last address that no trusted proxy has, and only trusted proxies are believed", () => {
  const trusted = networks("127.0.0.1", "10.0.0.0/8", "::1");
  const asks = (peer: string, headers: Record<string, string>) =>
    clientOf(new Headers(headers), { address: peer }, trusted);
  const address = (peer: string, headers: Record<string, string>) => asks(peer, headers).address;
  const list = "x-forwarded-for";
  assert.deepEqual(asks("203.0.113.9", { [list]: "1.1.1.1", "x-forwarded-proto": "https" }), {
    address: "203.0.113.9",
  });
  assert.deepEqual(asks("127.0.0.1", { [list]: "203.0.113.9", "x-forwarded-proto": "https" }), {
    address: "203.0.113.9",
    behindProxy: true,
    secure: true,
  });
  assert.equal(
    address("127.0.0.1", { [list]: "127.0.0.1, 203.0.113.9" }),
    "203.0.113.9",
    "invented in front",
  );
  assert.equal(address("127.0.0.1", { [list]: "1.1.1.1, 203.0.113.9, 10.1.1.1" }), "203.0.113.9");
  assert.equal(address("127.0.0.1", { [list]: "10.1.1.2 ,10.1.1.1" }), "10.1.1.2", "all trusted: the first");
  assert.equal(
    address("127.0.0.1", { [list]: "1.1.1.1, unknown, 10.1.1.1" }),
    "10.1.1.1",
    "nothing beyond unknown",
  );
  assert.equal(address("127.0.0.1", { [list]: "203.0.113.9:4711" }), "203.0.113.9");
  assert.equal(address("::1", { [list]: "[2001:db8::7]:443" }), "2001:db8::7");
  assert.equal(address("::ffff:127.0.0.1", { [list]: "2001:db8::7" }), "2001:db8::7");
  assert.deepEqual(asks("127.0.0.1", {}), { address: "127.0.0.1", behindProxy: true });
  assert.equal(
    address("127.0.0.1", { forwarded: 'for=1.1.1.1, For="[2001:db8::7]:1";proto=https' }),
    "2001:db8::7",
  );
  assert.equal(address("127.0.0.1", { forwarded: "proto=https;for=203.0.113.9;by=10.0.0.1" }), "203.0.113.9");
  assert.equal(address("127.0.0.1", { forwarded: "for=_hidden" }), "127.0.0.1");
  assert.equal(address("127.0.0.1", { [list]: "203.0.113.9", forwarded: "for=127.0.0.1" }), "203.0.113.9");
});
