// Bytes of a terminal to keys. A wrong baud rate or a bad cable sends anything: what is no key of a
// terminal becomes `junk`, and whoever collects a line throws that line away.
//
//   text     UTF-8 (RFC 3629), printable
//   control  one byte below 0x20, or 0x7f
//   escape   ESC [ parameters final | ESC O final      ECMA-48 5.4, and keypads of VT100
//   string   ESC _ … ESC \                             ECMA-48 8.3.2 (APC): for programs

export type Key = Readonly<
  | { kind: 'text'; text: string } // one character
  | { kind: Named }
  | { kind: 'place'; rows: number; columns: number } // where the cursor is, on our question
  | { kind: 'apc'; text: string } // an application program command: what stood between
>;

type Named =
  | 'enter'
  | 'tab'
  | 'backspace'
  | 'delete'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'home'
  | 'end'
  | 'kill-right'
  | 'kill-line'
  | 'kill-word'
  | 'redraw'
  | 'end-of-input'
  | 'interrupt'
  | 'ignored' // a key of terminals that we have no use for
  | 'junk';

const APC_MAX = 32; // bytes: the longest that means anything has a dozen
const PARAMETERS_MAX = 16;

const CONTROLS: Readonly<Record<number, Named>> = {
  1: 'home',
  2: 'left',
  3: 'interrupt',
  4: 'end-of-input',
  5: 'end',
  6: 'right',
  8: 'backspace',
  9: 'tab',
  10: 'enter',
  11: 'kill-right',
  12: 'redraw',
  13: 'enter',
  14: 'down',
  16: 'up',
  21: 'kill-line',
  23: 'kill-word',
  127: 'backspace',
};

const FINALS: Readonly<Record<string, Named>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
  '1~': 'home',
  '3~': 'delete',
  '4~': 'end',
  '7~': 'home',
  '8~': 'end',
};

type State = 'ground' | 'utf8' | 'escape' | 'csi' | 'ss3' | 'apc' | 'apc-escape';

const ESC = 0x1b;

/** Keeps what is cut off at the end of one piece of bytes for the next. Never throws. */
export class KeyReader {
  private state: State = 'ground';
  private held = ''; // parameters, or the text of an APC
  private bytes: number[] = []; // of a character
  private missing = 0;
  private afterReturn = false;

  /** How many bytes it took: it stops behind an APC, since what follows may be no keys any more. */
  read(piece: Uint8Array, out: Key[]): number {
    for (const [at, byte] of piece.entries()) {
      this.take(byte, out);
      if (out.at(-1)?.kind === 'apc') return at + 1;
    }
    return piece.length;
  }

  /** In the middle of a character or a sequence. */
  get open(): boolean {
    return this.state !== 'ground';
  }

  /** Nothing came for a while: an ESC alone, or a cut off sequence, is over. */
  settle(out: Key[]): void {
    if (this.state === 'ground') return;
    const alone = this.state === 'escape';
    this.ground(out, alone ? 'ignored' : 'junk');
  }

  private take(byte: number, out: Key[]): void {
    if (this.state === 'ground') this.takeGround(byte, out);
    else if (this.state === 'utf8') this.takeCharacter(byte, out);
    else if (this.state === 'escape') this.takeEscape(byte, out);
    else if (this.state === 'csi') this.takeSequence(byte, out);
    else if (this.state === 'ss3') this.ground(out, FINALS[String.fromCharCode(byte)] ?? 'ignored');
    else this.takeString(byte, out);
  }

  private takeGround(byte: number, out: Key[]): void {
    const after = this.afterReturn;
    this.afterReturn = byte === 13;
    if (byte === 10 && after) return; // CR LF is one line end
    if (byte === ESC) this.state = 'escape';
    else if (byte < 0x20 || byte === 0x7f) out.push({ kind: CONTROLS[byte] ?? 'junk' });
    else if (byte < 0x80) out.push({ kind: 'text', text: String.fromCharCode(byte) });
    else this.beginCharacter(byte, out);
  }

  private beginCharacter(byte: number, out: Key[]): void {
    this.missing = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    if (byte < 0xc2 || byte > 0xf4) return void out.push({ kind: 'junk' });
    this.bytes = [byte];
    this.state = 'utf8';
  }

  private takeCharacter(byte: number, out: Key[]): void {
    if ((byte & 0xc0) !== 0x80) {
      this.ground(out, 'junk');
      this.take(byte, out);
      return;
    }
    this.bytes.push(byte);
    if (this.bytes.length <= this.missing) return;
    this.state = 'ground';
    const text = decodeCharacter(this.bytes);
    out.push(text === undefined ? { kind: 'junk' } : { kind: 'text', text });
  }

  private takeEscape(byte: number, out: Key[]): void {
    this.held = '';
    if (byte === 0x5b) this.state = 'csi';
    else if (byte === 0x4f) this.state = 'ss3';
    else if (byte === 0x5f) this.state = 'apc';
    else if (byte === ESC) out.push({ kind: 'ignored' });
    else if (byte >= 0x20 && byte < 0x7f)
      this.ground(out, 'ignored'); // Alt and a letter
    else {
      this.ground(out, 'ignored');
      this.take(byte, out);
    }
  }

  private takeSequence(byte: number, out: Key[]): void {
    const sign = String.fromCharCode(byte);
    if (byte >= 0x20 && byte < 0x40 && this.held.length < PARAMETERS_MAX) this.held += sign;
    else if (byte >= 0x40 && byte < 0x7f) {
      const name = sign === '~' ? `${this.held}~` : sign;
      const [, rows, columns] = (/^(\d{1,3});(\d{1,3})$/.exec(this.held) ?? []).map(Number);
      this.state = 'ground';
      if (sign === 'R' && rows && columns) out.push({ kind: 'place', rows, columns });
      else out.push({ kind: FINALS[name] ?? 'ignored' });
    } else {
      this.ground(out, 'junk');
      if (byte === 13 || byte === 3) this.take(byte, out);
    }
  }

  private takeString(byte: number, out: Key[]): void {
    if (this.state === 'apc-escape' && byte === 0x5c) {
      const text = this.held;
      this.state = 'ground';
      out.push({ kind: 'apc', text });
    } else if (this.state === 'apc' && byte === ESC) {
      this.state = 'apc-escape';
    } else if (byte >= 0x20 && byte < 0x7f && this.held.length < APC_MAX && this.state === 'apc') {
      this.held += String.fromCharCode(byte);
    } else {
      this.ground(out, 'junk');
      if (byte === 13 || byte === 3) this.take(byte, out);
    }
  }

  private ground(out: Key[], kind: Named): void {
    this.state = 'ground';
    this.bytes = [];
    out.push({ kind });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for what is no character, or one that is not seen (C1 controls, direction marks). */
function decodeCharacter(bytes: readonly number[]): string | undefined {
  try {
    const text = utf8.decode(Uint8Array.from(bytes));
    return /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
