import fc from 'fast-check';
import { encode as qr } from 'uqr';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { Interner } from '../../agent/identity/chain.js';
import { makeInvite } from '../../agent/identity/door.js';
import { PRIVATE_PREFIXES } from '../../agent/identity/fields.js';
import { decodeInvite, type InviteEndpoint } from '../../agent/identity/invite.js';
import { ROLES } from '../../agent/identity/member.js';
import { decodeMeshKey, encodeMeshKey } from '../../agent/identity/meshkey.js';
import { decodeWord, encodeWord } from '../../agent/identity/word.js';
import { CHEAP, HOUR, TestMesh } from './meshes.js';

const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const key = (fill: number) => new Uint8Array(32).fill(fill);
const at = (address: string) => ({ address, port: 51820 });

const invites = suite('identity/invite');

function word(mesh: TestMesh, name: string, endpoints: InviteEndpoint[], more = {}): string {
  const { random, crypto, now, roster, founder } = mesh;
  const rest = { roles: ROLES, ttl: HOUR, at: now, random, crypto, endpoints, ...more };
  return makeInvite(roster, founder.signer, { name, ...rest })!.word;
}

function problemOf(text: string): string {
  const read = decodeInvite(text, CHEAP);
  return 'problem' in read ? read.problem.code : 'none';
}

invites('what went in comes out, and the voucher verifies', () => {
  const mesh = new TestMesh(ed25519);
  const endpoints = [
    { nodeKey: key(1), endpoint: at('192.0.2.7') },
    { nodeKey: key(2), endpoint: at('2001:db8::7') },
  ];
  const read = decodeInvite(word(mesh, 'cabin', endpoints));
  assert.ok('invite' in read);
  const { invite } = read;
  assert.equal(invite.meshKey, mesh.meshKey);
  assert.equal(invite.endpoints, endpoints);
  assert.is(invite.name, 'cabin');
  assert.is(invite.expires, mesh.now + HOUR);
  assert.equal(invite.rights, { roles: ROLES, subnets: PRIVATE_PREFIXES });
  assert.equal(mesh.roster.add([invite.voucher]).refused, []);
  assert.is([...mesh.roster.openVouchers()].length, 1);
});

invites('subnets beside the private ones, and two endpoints of one node', () => {
  const mesh = new TestMesh();
  const subnets = [
    { address: '203.0.113.0', length: 24 },
    { address: '2001:db8:1::', length: 48 },
  ];
  const endpoints = ['192.0.2.7', '2001:db8::7'].map((address) => {
    return { nodeKey: key(1), endpoint: at(address) };
  });
  const read = decodeInvite(word(mesh, 'cabin', endpoints, { subnets, roles: ['exit'] }), CHEAP);
  assert.ok('invite' in read);
  assert.equal(read.invite.endpoints, endpoints);
  assert.equal(read.invite.rights, { roles: ['exit'], subnets });
  const voucher = new Interner(mesh.meshKey, CHEAP).parse(read.invite.voucher);
  assert.ok(voucher?.kind === 'voucher');
  assert.equal(voucher.rights, { roles: ['exit'], subnets });
});

invites('as many endpoints as fit', () => {
  const mesh = new TestMesh();
  const endpoints = [1, 2, 3].map((n) => ({ nodeKey: key(n), endpoint: at(`2001:db8::${n}`) }));
  for (const [name, count] of [
    ['cabin', 2],
    ['a'.repeat(63), 1],
  ] as const) {
    const text = word(mesh, name, endpoints);
    const read = decodeInvite(text, CHEAP);
    assert.ok('invite' in read);
    assert.is(read.invite.endpoints.length, count);
    assert.ok(text.length <= 5 + Math.ceil((255 * 8) / 5), `${text.length}`);
    assert.ok(qr(text.toUpperCase(), { ecc: 'L' }).size <= 69);
  }
});

invites('upper case, spaces and line ends do not matter', () => {
  const text = word(new TestMesh(), 'cabin', []);
  assert.is(problemOf(text.toUpperCase()), 'none');
  assert.is(problemOf(` ${text.replace(/(.{20})/g, '$1\r\n ')}\n`), 'none');
});

invites('what is wrong is told', () => {
  const text = word(new TestMesh(), 'cabin', []);
  const rows: [string, string][] = [
    ['', 'cut-off'],
    ['kit', 'cut-off'],
    ['kith1', 'cut-off'],
    ['hello', 'not-a-word'],
    ['x'.repeat(5_000), 'not-a-word'],
    [text.slice(0, -1), 'cut-off'],
    [text.slice(0, 40), 'cut-off'],
    [`${text}q`, 'too-long'],
    [text.replace(/.$/, 'b'), 'letter'],
    [encodeWord('kith1', new Uint8Array(40)), 'newer'],
    [encodeWord('kith1', new Uint8Array(0)), 'newer'],
  ];
  for (const [input, code] of rows) assert.is(problemOf(input), code, input.slice(0, 60));
  const read = decodeInvite(`kith1qpb${text}`, CHEAP);
  assert.match('problem' in read ? read.problem.text : '', '"b" (letter 8)');
});

invites('any one letter changed is noticed as that, or two exchanged', () => {
  const text = word(new TestMesh(), 'cabin', []);
  fc.assert(
    fc.property(fc.integer({ min: 5, max: text.length - 1 }), fc.nat(31), (place, letter) => {
      const changed = text.slice(0, place) + LETTERS.charAt(letter) + text.slice(place + 1);
      const problem = problemOf(changed);
      // The seventh letter holds bits of the length and of what follows: it looks cut off, too.
      const unclear = place === 6 && /^(cut-off|too-long)$/.test(problem);
      assert.is(problem, changed === text ? 'none' : unclear ? problem : 'altered');
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 8, max: text.length - 2 }), (place) => {
      const [a, b] = [text.charAt(place), text.charAt(place + 1)];
      const changed = text.slice(0, place) + b + a + text.slice(place + 2);
      assert.is(problemOf(changed), a === b ? 'none' : 'altered');
    }),
  );
});

invites('whatever is in the content, nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 250 }), (content) => {
      decodeInvite(encodeWord('kith1', content), CHEAP);
    }),
    { numRuns: 2_000 },
  );
  const good = decodeWord('kith1', word(new TestMesh(), 'cabin', [])) as Uint8Array;
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (place, byte) => {
      const changed = Uint8Array.from(good);
      changed[place] = byte;
      decodeInvite(encodeWord('kith1', changed), CHEAP);
    }),
    { numRuns: 2_000 },
  );
});

invites('words of every length come back', () => {
  for (let length = 0; length <= 250; length++) {
    const content = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff);
    assert.equal(decodeWord('kith1', encodeWord('kith1', content)), content);
  }
  assert.throws(() => encodeWord('kith1', new Uint8Array(251)), /"content" has 251/);
});

invites('the backup of a mesh key, which is no invite', () => {
  const seed = key(7);
  const text = encodeMeshKey(seed);
  assert.equal(decodeMeshKey(text), seed);
  assert.is(problemOf(text), 'not-a-word');
  const read = decodeMeshKey(word(new TestMesh(), 'cabin', []));
  assert.ok(!(read instanceof Uint8Array));
});

invites.run();
