// A QR code (ISO/IEC 18004) in a terminal: two rows of modules in one line of half blocks.
//
// Phones read dark on light with a quiet zone of four light modules around. On a terminal both
// colours are set, so that its own do not matter; elsewhere light modules are the printed ones,
// which is right on the dark background that most terminals have.

import { encode } from 'uqr';

export const QUIET_ZONE = 4;

const LIGHT_UP = { true: { true: '█', false: '▀' }, false: { true: '▄', false: ' ' } } as const;
const BLACK_ON_WHITE = '\x1b[38;5;16;48;5;231m';
const RESET = '\x1b[0m';

export type QrText = Readonly<{ text: string; columns: number; rows: number }>;

/** `color`: with escape sequences that set both colours. */
export function qrText(content: string, color: boolean): QrText {
  const { data, size } = encode(content, { ecc: 'L', border: QUIET_ZONE });
  const light = (x: number, y: number) => !(data[y]?.[x] ?? false);
  const lines: string[] = [];
  for (let y = 0; y < size; y += 2) {
    let line = '';
    for (let x = 0; x < size; x++) {
      // With colours the printed part of a character is the dark one.
      const [upper, lower] = [light(x, y) !== color, light(x, y + 1) !== color];
      line += LIGHT_UP[`${upper}`][`${lower}`];
    }
    lines.push(color ? BLACK_ON_WHITE + line + RESET : line);
  }
  return { text: lines.join('\n'), columns: size, rows: lines.length };
}
