import { base64urlnopad } from '@scure/base';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, decode, encode } from '../../agent/bytes/cbor.js';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { readEnvelope, sigStructure, statementId } from '../../agent/identity/cose.js';
import { prefixBytes, prefixOf, rightsFields, rightsOf } from '../../agent/identity/fields.js';
import { issueCertificate, issueProfile, issuerFor } from '../../agent/identity/issue.js';
import { ROLES } from '../../agent/identity/member.js';
import { readStatement } from '../../agent/identity/read.js';
import { TestMesh } from './meshes.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const statements = suite('identity/statements');

function everyKind() {
  const mesh = new TestMesh(ed25519);
  mesh.join(mesh.invite('cabin'));
  return { mesh, all: [...mesh.roster.statements()] };
}

statements('a certificate is a CWT in a COSE_Sign1, byte by byte', () => {
  const mesh = new TestMesh(ed25519);
  const issuer = issuerFor(mesh.roster, mesh.founder.signer)!;
  const nodeKey = ed25519.publicKeyOf(new Uint8Array(32));
  const rights = { roles: ['relay' as const], subnets: [{ address: '192.168.7.0', length: 24 }] };
  const bytes = issueCertificate(issuer, { nodeKey, name: 'cabin', issued: 1_000_999, rights });
  const [head, unprotected, payload, signature] = decode(bytes) as readonly Cbor[];
  assert.is(hex(head as Uint8Array), 'a10127');
  assert.equal(unprotected, new Map());
  const hint = hex(base64urlnopad.decode(issuer.as).subarray(0, 8));
  const expected =
    'a4' + // map of 4
    `02${'65'}636162696e` + // sub: "cabin"
    '061903e8' + // iat: 1000
    `08a101a301012006215820${hex(nodeKey)}` + // cnf: {1: {1: 1 OKP, -1: 6 Ed25519, -2: x}}
    `3a0001000084` + // -65537: array of 4
    `0248${hint}02814418c0a807`; // kind, issuer, bits, [192.168.7.0/24]
  assert.is(hex(payload as Uint8Array), expected);
  const aad = `6b697468310${'2'}${hex(mesh.meshKey)}`;
  const length = (expected.length / 2).toString(16);
  const signed = `846a5369676e61747572653143a101275826${aad}58${length}`;
  assert.is(
    hex(sigStructure('certificate', mesh.meshKey, payload as Uint8Array)),
    signed + expected,
  );
  const { key } = mesh.founder.signer;
  const message = Buffer.from(signed + expected, 'hex');
  assert.ok(ed25519.verify(key, message, signature as Uint8Array));
});

statements('are small', () => {
  const { all } = everyKind();
  const sizes = new Map(all.map(({ kind, bytes }) => [kind, bytes.length]));
  const max = { admin: 190, certificate: 250, profile: 130, voucher: 200, enrolment: 520 };
  for (const [kind, most] of Object.entries(max)) {
    const size = sizes.get(kind as 'admin') ?? 0;
    assert.ok(size > 0 && size <= most, `${kind} has ${size} bytes`);
  }
});

statements('a profile of every kind of content comes back; a long one is refused', () => {
  const { mesh } = everyKind();
  const fields = {
    seq: 1_800_000_000_123,
    host: 513,
    guests: [1, 2, 65_000],
    subnets: [
      { address: '192.168.1.0', length: 24 },
      { address: 'fd00:1::', length: 64 },
    ],
    exit: true,
    share: { megabits: 20, gigabytes: 100 },
  };
  const bytes = issueProfile(mesh.meshKey, mesh.founder.signer, fields);
  const read = readStatement(bytes, mesh.meshKey);
  const {
    kind,
    id,
    bytes: same,
    node,
    nodeKey,
    ...rest
  } = read as NonNullable<typeof read> & {
    node: string;
    nodeKey: Uint8Array;
  };
  assert.equal(rest, fields);
  assert.is(kind, 'profile');
  const guests = Array.from({ length: 64 }, (_, i) => 60_000 + i);
  const subnets = Array.from({ length: 16 }, (_, i) => ({
    address: `fd00:${i + 1}::`,
    length: 128,
  }));
  const long = { ...fields, guests, subnets };
  assert.throws(() => issueProfile(mesh.meshKey, mesh.founder.signer, long), /"profile" has/);
  const many = { ...fields, guests: [...guests, 1] };
  assert.throws(() => issueProfile(mesh.meshKey, mesh.founder.signer, many), /"guests"/);
  assert.ok(id && same && node && nodeKey);
});

statements('keys that a newer version adds are passed over', () => {
  const { mesh, all } = everyKind();
  const profile = all.find(({ kind }) => kind === 'profile')!;
  const envelope = readEnvelope(profile.bytes)!;
  const map = decode(envelope.payload) as Map<number, Cbor>;
  map.set(99, ['something', 'new']);
  const protectedBytes = Uint8Array.of(0xa1, 0x01, 0x27);
  const longer = encode([protectedBytes, new Map(), encode(map), envelope.signature]);
  assert.is(readStatement(longer, mesh.meshKey)?.kind, 'profile');
});

statements('the id is of the kind, the mesh and the payload, not of the signature', () => {
  const { mesh, all } = everyKind();
  for (const { id, kind, bytes } of all) {
    const { payload, signature } = readEnvelope(bytes)!;
    assert.is(statementId(kind, mesh.meshKey, payload), id);
    assert.is.not(statementId('cut', mesh.meshKey, payload), id);
    assert.is.not(statementId(kind, new Uint8Array(32), payload), id);
    const other = Uint8Array.from(bytes);
    other[other.length - 1]! ^= 1;
    assert.is(readStatement(other, mesh.meshKey)?.id, id);
    assert.is(signature.length, 64);
  }
});

statements('COSE in another form is refused: tagged, other algorithm, unprotected header', () => {
  const { mesh, all } = everyKind();
  const { bytes } = all[0]!;
  const [head, none, payload, signature] = decode(bytes) as readonly Cbor[];
  const es256 = Uint8Array.of(0xa1, 0x01, 0x26);
  const forms: Uint8Array[] = [
    Uint8Array.from(Buffer.concat([Buffer.of(0xd2), bytes])),
    encode([es256, none!, payload!, signature!]),
    encode([head!, new Map([[4, 1]]), payload!, signature!]),
    encode([head!, none!, null, signature!]),
    encode([head!, none!, payload!, (signature as Uint8Array).slice(1)]),
    encode([head!, none!, payload!, signature!, 1]),
    encode([head!, none!, payload!]),
    encode(new Map([[1, 1]])),
  ];
  for (const form of forms) assert.is(readStatement(form, mesh.meshKey), undefined);
  assert.ok(readStatement(bytes, mesh.meshKey));
});

statements('whatever stands in a payload, nothing throws', () => {
  const { mesh, all } = everyKind();
  const value = fc.oneof(
    fc.maxSafeInteger(),
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.string({ maxLength: 10 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.oneof(fc.nat(), fc.uint8Array({ maxLength: 18 })), { maxLength: 4 }),
  );
  const change = fc.tuple(fc.nat(all.length - 1), fc.integer({ min: 0, max: 8 }), value);
  let read = 0;
  fc.assert(
    fc.property(change, ([which, key, what]) => {
      const [head, none, payload, signature] = decode(all[which]!.bytes) as readonly Cbor[];
      const map = new Map(decode(payload as Uint8Array) as Map<number, Cbor>);
      const inner = map.get(-65537);
      if (Array.isArray(inner) && key > 4) map.set(-65537, inner.with(key % inner.length, what));
      else map.set(key, what);
      if (readStatement(encode([head!, none!, encode(map), signature!]), mesh.meshKey)) read++;
    }),
    { numRuns: 3_000 },
  );
  assert.ok(read > 100, `${read} were read`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.is(readStatement(bytes, mesh.meshKey), undefined);
    }),
  );
});

statements('prefixes and rights, both ways', () => {
  for (const prefix of [
    { address: '0.0.0.0', length: 0 },
    { address: '10.0.0.0', length: 8 },
    { address: '192.168.1.128', length: 25 },
    { address: '192.0.2.1', length: 32 },
    { address: '::', length: 0 },
    { address: 'fd00:1:2::', length: 48 },
    { address: '2001:db8::1', length: 128 },
  ]) {
    assert.equal(prefixOf(prefixBytes(prefix)), prefix);
  }
  const wrong = ['', '21c0a80101', '18c0a8', '18c0a80101', '19c0a80101', 'c1', '40ff'];
  for (const text of wrong)
    assert.is(prefixOf(Uint8Array.from(Buffer.from(text, 'hex'))), undefined, text);
  for (const roles of [[], ROLES, ['exit' as const]]) {
    const rights = { roles, subnets: [{ address: '10.1.0.0', length: 16 }] };
    assert.equal(rightsOf(...rightsFields(rights)), rights);
  }
  assert.equal(rightsOf(0x14, []), { roles: ['exit'], subnets: [] }, 'a role of a newer version');
  assert.is(rightsOf(0x100, []), undefined);
});

statements.run();
