// RFC 8439, appendix A: what fits WireGuard's use. All nonces of A.1 and A.2 begin with four zero
// bytes. Of A.3 the vectors 2 to 4 are left out: their texts end in a broken block, which the AEAD
// fills up with zeroes (section 2.8), so the MAC under it never sees one.

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const zeroes = (length: number) => new Uint8Array(length);
const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

const ZERO_KEY = '00'.repeat(32);
const LAST_ONE = `${'00'.repeat(31)}01`;
const NONCE_0 = '00'.repeat(12);
const NONCE_2 = `${'00'.repeat(11)}02`;

type ChaCha20Vector = readonly [
  name: string,
  key: Uint8Array,
  nonce: Uint8Array,
  block: number,
  text: Uint8Array,
  result: Uint8Array,
];

function row(
  name: string,
  key: string,
  nonce: string,
  block: number,
  text: Uint8Array,
  result: string,
): ChaCha20Vector {
  return [name, bytes(key), bytes(nonce), block, text, bytes(result)];
}

const CONTRIBUTION =
  'Any submission to the IETF intended by the Contributor for publication as all or part of an ' +
  'IETF Internet-Draft or RFC and any statement made within the context of an IETF activity is ' +
  'considered an "IETF Contribution". Such statements include oral statements in IETF sessions, ' +
  'as well as written and electronic communications made at any time or place, which are ' +
  'addressed to';

const JABBERWOCKY =
  "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\n" +
  'All mimsy were the borogoves,\nAnd the mome raths outgrabe.';

export const CHACHA20_VECTORS: readonly ChaCha20Vector[] = [
  row(
    'A.1 #1, A.2 #1',
    ZERO_KEY,
    NONCE_0,
    0,
    zeroes(64),
    '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7' +
      'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
  ),
  row(
    'A.1 #2',
    ZERO_KEY,
    NONCE_0,
    1,
    zeroes(64),
    '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
      '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
  ),
  row(
    'A.1 #3',
    LAST_ONE,
    NONCE_0,
    1,
    zeroes(64),
    '3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a' +
      '8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0',
  ),
  row(
    'A.1 #4',
    `00ff${'00'.repeat(30)}`,
    NONCE_0,
    2,
    zeroes(64),
    '72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca' +
      '13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096',
  ),
  row(
    'A.1 #5',
    ZERO_KEY,
    NONCE_2,
    0,
    zeroes(64),
    'c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7' +
      '8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d',
  ),
  row(
    'A.2 #2',
    LAST_ONE,
    NONCE_2,
    1,
    ascii(CONTRIBUTION),
    'a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec' +
      '2a97948bd3722915c8f3d337f7d370050e9e96d647b7c39f56e031ca5eb6250d' +
      '4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e527950' +
      '42bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85a' +
      'd00f8449ed8f72d0d662ab052691ca66424bc86d2df80ea41f43abf937d3259d' +
      'c4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b' +
      '0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6c' +
      'cc3aaf9f3979c92b3720fc88dc95ed84a1be059c6499b9fda236e7e818b04b0b' +
      'c39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f' +
      '5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e6' +
      '98ced759c3ff9b6477338f3da4f9cd8514ea9982ccafb341b2384dd902f3d1ab' +
      '7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221',
  ),
  row(
    'A.2 #3',
    '1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0',
    NONCE_2,
    42,
    ascii(JABBERWOCKY),
    '62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf' +
      '166d3df2d721caf9b21e5fb14c616871fd84c54f9d65b283196c7fe4f60553eb' +
      'f39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77' +
      '04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1',
  ),
];

type Poly1305Vector = readonly [name: string, key: Uint8Array, text: Uint8Array, tag: Uint8Array];

const PAD_0 = '00'.repeat(16);
const R_1 = `01${'00'.repeat(15)}`;
const R_2 = `02${'00'.repeat(15)}`;
const R_10 = '01000000000000000400000000000000';
const ONES = 'ff'.repeat(16);
const A3_10 = 'e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000';

export const POLY1305_VECTORS: readonly Poly1305Vector[] = [
  ['A.3 #1', bytes(ZERO_KEY), zeroes(64), zeroes(16)],
  ['A.3 #5', bytes(R_2 + PAD_0), bytes(ONES), bytes(`03${'00'.repeat(15)}`)],
  ['A.3 #6', bytes(R_2 + ONES), bytes(R_2), bytes(`03${'00'.repeat(15)}`)],
  [
    'A.3 #7',
    bytes(R_1 + PAD_0),
    bytes(`${ONES}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`),
    bytes(`05${'00'.repeat(15)}`),
  ],
  [
    'A.3 #8',
    bytes(R_1 + PAD_0),
    bytes(`${ONES}fb${'fe'.repeat(15)}${'01'.repeat(16)}`),
    zeroes(16),
  ],
  ['A.3 #9', bytes(R_2 + PAD_0), bytes(`fd${'ff'.repeat(15)}`), bytes(`fa${'ff'.repeat(15)}`)],
  [
    'A.3 #10',
    bytes(R_10 + PAD_0),
    bytes(`${A3_10}${PAD_0}${R_1}`),
    bytes('14000000000000005500000000000000'),
  ],
  ['A.3 #11', bytes(R_10 + PAD_0), bytes(A3_10 + PAD_0), bytes(`13${'00'.repeat(15)}`)],
];
