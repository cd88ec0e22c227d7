// SLIP (RFC 1055): frames on a line of bytes.
//
//   C0 ends a frame; inside, C0 is written DB DC, and DB is written DB DD
//
// A frame begins with C0 too, so that noise before it is a frame of its own, and thrown away.

const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

export const FRAME_MAX = 64 * 1024; // bytes: a request; the configuration of 500 peers

export function encodeSlip(frame: Uint8Array): Uint8Array {
  const out = [END];
  for (const byte of frame) {
    if (byte === END) out.push(ESC, ESC_END);
    else if (byte === ESC) out.push(ESC, ESC_ESC);
    else out.push(byte);
  }
  out.push(END);
  return Uint8Array.from(out);
}

/** Never throws; a frame that is too long or wrongly escaped is counted and dropped. */
export class SlipReader {
  dropped = 0;
  private bytes = new Uint8Array(256);
  private length = 0;
  private escaped = false;
  private broken = false;

  constructor(private readonly frameMax = FRAME_MAX) {}

  read(piece: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    for (const byte of piece) {
      if (byte === END) this.end(onFrame);
      else if (this.broken) continue;
      else if (this.escaped) this.unescape(byte);
      else if (byte === ESC) this.escaped = true;
      else this.put(byte);
    }
  }

  private end(onFrame: (frame: Uint8Array) => void): void {
    const frame = this.bytes.slice(0, this.length);
    const bad = this.broken || this.escaped;
    this.bytes = this.bytes.length > 4096 ? new Uint8Array(256) : this.bytes;
    this.length = 0;
    this.escaped = false;
    this.broken = false;
    if (bad) this.dropped++;
    else if (frame.length > 0) onFrame(frame);
  }

  private unescape(byte: number): void {
    this.escaped = false;
    if (byte === ESC_END) this.put(END);
    else if (byte === ESC_ESC) this.put(ESC);
    else this.broken = true;
  }

  private put(byte: number): void {
    if (this.length === this.frameMax) {
      this.broken = true;
      return;
    }
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = byte;
  }
}
