import { type Entry, SLICE_BYTES } from "../cache/entry.ts";
import type { PutOptions } from "../cache/store.ts";
import type { Bodies } from "./bodies.ts";
import type { Intake } from "./intake.ts";
import { PACK_BESIDE_BYTES, type Packed, pack, packBeside } from "./packing.ts";
import { costOf, type Placing } from "./placing.ts";
import { answerOf, type NewAnswer } from "./rows.ts";
import type { Writer } from "./writer.ts";

/** Entries on their way into the database. */
export class Puts {
  constructor(
    readonly parts: {
      readonly writer: Writer;
      readonly bodies: Bodies;
      readonly placing: Placing;
      readonly intake: Intake;
    },
  ) {}

  /** One whose body lies in its row. Resolves to the entry as it stands, undefined where it does not. */
  async small(entry: Entry, { unless }: PutOptions): Promise<Entry | undefined> {
    const { writer, placing, intake } = this.parts;
    const bytes = entry.body.bytes ?? entry.body.slice(0);
    let packed: Packed | undefined;
    if (bytes.byteLength >= PACK_BESIDE_BYTES) packed = await packBeside(bytes);
    let answer: NewAnswer | undefined;
    return writer.submit({
      prepare: () => {
        packed ??= bytes.byteLength === 0 ? { coding: 0, bytes } : pack(bytes);
        answer = answerOf(entry, packed);
      },
      bytes: () => (answer === undefined ? bytes.byteLength : costOf(answer)),
      run: (transaction) =>
        unless?.() ? undefined : placing.place(transaction, { entry, answer: answer as NewAnswer }),
      note: (transaction) =>
        unless?.() ? undefined : intake.note(transaction, { entry, answer: answer as NewAnswer }),
    });
  }

  /** The same with a body in slices. */
  async large(entry: Entry, { unless }: PutOptions): Promise<Entry | undefined> {
    const { writer, bodies, placing } = this.parts;
    const release = entry.body.hold();
    let body: Awaited<ReturnType<Bodies["write"]>> | undefined;
    let stored: Entry | undefined;
    try {
      const written = await bodies.write(entry);
      body = written;
      const answer = answerOf(entry, written.id);
      const slices = Math.ceil(entry.body.size / SLICE_BYTES);
      stored = await writer.submit({
        bytes: () => costOf(answer),
        run: (transaction) => {
          if (unless?.()) return undefined;
          bodies.show(transaction, { id: written.id, opened: written.opened, slices });
          return placing.place(transaction, { entry, answer, body: written });
        },
      });
      return stored;
    } finally {
      if (body !== undefined && stored === undefined) bodies.giveUp(body.id, body.opened);
      release();
    }
  }
}
