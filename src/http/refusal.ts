/** Why a request is answered without anybody being asked, in words for whoever wrote the client. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly why: string,
  ) {}
}

export const refusals = {
  requestLine: () => new Refusal(400, "Send `METHOD target HTTP/1.1`: the request line has another form."),
  target: () => new Refusal(400, "Send a path, or a whole http URL, as the target: this one is neither."),
  method: () => new Refusal(501, "Use a registered method in capitals: this one is not known here."),
  version: () => new Refusal(505, "Speak HTTP/1.1 or HTTP/1.0: no other version is served here."),
  line: () => new Refusal(400, "Send header lines as `Name: value`, each ended by CRLF: one is malformed."),
  host: () =>
    new Refusal(400, "Send one Host header with a name and a port: it is missing, doubled or malformed."),
  length: () =>
    new Refusal(400, "Send one Content-Length in digits: it is malformed or contradicts another."),
  twoFramings: () =>
    new Refusal(400, "Send Content-Length or Transfer-Encoding: a request with both is refused."),
  coding: () => new Refusal(501, "Send the body with Content-Length or `Transfer-Encoding: chunked`."),
  oldCoding: () => new Refusal(400, "Send Content-Length: HTTP/1.0 has no Transfer-Encoding."),
  expectation: () => new Refusal(417, "Expect `100-continue` or nothing: no other expectation is met here."),
  headTooLarge: () =>
    new Refusal(431, "Send less than 256 KiB and at most 500 header lines: the head is larger."),
  headTooSlow: () => new Refusal(408, "Send the request's head within a minute: it did not end."),
  chunk: () => new Refusal(400, "Send chunks as RFC 9112 section 7.1 has them: one is malformed."),
};
