/** What a family of APIs asks and answers, in its own shapes, short. */

export interface Family {
  readonly name: string;
  readonly provider: string;
  /** Client paths, provider prefix included; for a stream and for a document. */
  readonly path: string;
  readonly streamPath: string;
  /** Headers that this family's clients send, with a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly streamType: string;
  request(marker: string, stream: boolean): Record<string, unknown>;
  document(marker: string): Record<string, unknown>;
  /** One string an event, separators included. */
  events(marker: string): string[];
  /** Streams that end cleanly and are not whole, by what is wrong with them. */
  broken(marker: string): Readonly<Record<string, readonly string[]>>;
}
