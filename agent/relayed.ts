// What this node has relayed for others this month, over restarts: the monthly quota (`share`)
// would begin anew with each. Written at most every ten minutes and on a clean stop, if it changed.
//
//     relayed.cbor: { 0: 1, 1: months since January of year 0, 2: bytes }

import { type Cbor, decode, encode } from './bytes/cbor.js';
import type { Folder } from './control/folder.js';
import type { Log } from './control/ports.js';
import { LazyFile } from './control/rosterfile.js';
import type { Ledger } from './mesh/relay.js';

export const RELAYED_FILE = 'relayed.cbor';
const BYTES_MAX = 64;
const WRITE_MS = 600_000;
const FORMAT = 1;

export class Relayed {
  /** The relay writes into it. */
  readonly ledger: Ledger;
  private kept: Readonly<Ledger>;
  private readonly file: LazyFile;

  constructor(
    private readonly folder: Folder,
    log: Log,
  ) {
    const failed = (reason: string) => log('error', `relayed bytes are not kept: ${reason}`);
    this.file = new LazyFile(() => this.write(), failed, WRITE_MS);
    this.ledger = this.read();
    this.kept = { ...this.ledger };
  }

  /** It may have grown. */
  look(): void {
    const { month, bytes } = this.ledger;
    // A month of nothing is what there is without a file, too.
    const isNew = bytes !== this.kept.bytes || (month !== this.kept.month && bytes > 0);
    if (isNew) this.file.touch();
  }

  flush(): void {
    this.look();
    this.file.flush();
  }

  private write(): void {
    const { month, bytes } = this.ledger;
    const map = new Map<number, Cbor>([
      [0, FORMAT],
      [1, month],
      [2, bytes],
    ]);
    this.folder.writeBytes(RELAYED_FILE, encode(map));
    this.kept = { month, bytes };
  }

  /** A file that is damaged tells nothing, and is written anew. */
  private read(): Ledger {
    const content = this.folder.readBytes(RELAYED_FILE, BYTES_MAX);
    const map = content && decode(content);
    const isOurs = map instanceof Map && map.get(0) === FORMAT;
    const [month, bytes] = isOurs ? [map.get(1), map.get(2)] : [];
    if (!isCount(month) || !isCount(bytes)) return { month: 0, bytes: 0 };
    return { month, bytes };
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
