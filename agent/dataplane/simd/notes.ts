// What this code has to tell the worker: drops by reason, and notes in the order they happened.

import { COUNTS, NOTE_BYTES, NOTES, NOTES_MAX } from '../layout';

let notes: u32 = 0;

export function drop(reason: u32, packets: u32 = 1): void {
  const at = COUNTS + 4 + (reason << 2);
  store<u32>(at, load<u32>(at) + packets);
  store<u32>(COUNTS, 1);
}

/** At most four notes per packet are possible, so a batch cannot fill the list; see layout.ts. */
export function note(kind: u32, id: u32, pointer: usize = 0, length: u32 = 0): void {
  if (notes >= <u32>NOTES_MAX) return;
  const at = NOTES + notes * NOTE_BYTES;
  store<u32>(at, kind);
  store<u32>(at, id, 4);
  store<u32>(at, <u32>pointer, 8);
  store<u32>(at, length, 12);
  notes++;
}

/** How many notes there are; the list is empty afterwards (the caller reads it at once). */
export function takeNotes(): u32 {
  const count = notes;
  notes = 0;
  return count;
}
