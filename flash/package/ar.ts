// An ar archive as dpkg wants it (deb(5)): a mark, then per member 60 bytes of blank-padded text
// and the bytes, filled up to an even length.
//
//   0 name[16] | 16 mtime[12] | 28 uid[6] | 34 gid[6] | 40 mode[8] octal | 48 size[10] | "`\n"

export type Member = Readonly<{ name: string; bytes: Uint8Array }>;

const NAME_LETTERS_MAX = 16;

export function writeAr(members: readonly Member[], time: number): Uint8Array {
  const pieces: Uint8Array[] = [Buffer.from('!<arch>\n')];
  for (const { name, bytes } of members) {
    if (name.length > NAME_LETTERS_MAX)
      throw new RangeError(`"members" has too long a name: ${name}`);
    const fields: [string | number, number][] = [
      [name, 16],
      [time, 12],
      [0, 6],
      [0, 6],
      ['100644', 8],
      [bytes.length, 10],
    ];
    const head = fields.map(([value, width]) => `${value}`.padEnd(width)).join('');
    pieces.push(Buffer.from(`${head}\`\n`), bytes);
    if (bytes.length % 2 === 1) pieces.push(Buffer.from('\n'));
  }
  return Buffer.concat(pieces);
}
