// A second handshake, written from the WireGuard paper, section 5.4, step by step in its symbols,
// on nothing but Node's own OpenSSL and a slow BLAKE2s. It knows nothing of agent/.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from 'node:crypto';
import { slowBlake2s } from '../crypto/blake2s.js';

type Bytes = Uint8Array;

const cat = (...parts: Bytes[]) => Buffer.concat(parts);
const HASH = (...parts: Bytes[]) =>
  createHash('blake2s256')
    .update(cat(...parts))
    .digest();
const HMAC = (key: Bytes, ...parts: Bytes[]) =>
  createHmac('blake2s256', key)
    .update(cat(...parts))
    .digest();

function KDF(n: number, key: Bytes, input: Bytes): Bytes[] {
  const t0 = HMAC(key, input);
  const output: Bytes[] = [];
  for (let i = 1; i <= n; i++) output.push(HMAC(t0, output.at(-1) ?? cat(), Uint8Array.of(i)));
  return output;
}

function AEAD(key: Bytes, plain: Bytes, auth: Bytes): Bytes {
  const cipher = createCipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 });
  cipher.setAAD(auth, { plaintextLength: plain.length });
  return cat(cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

export function unAEAD(key: Bytes, sealed: Bytes, auth: Bytes, nonce = Buffer.alloc(12)): Bytes {
  const cipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(auth, { plaintextLength: sealed.length - 16 });
  cipher.setAuthTag(sealed.subarray(-16));
  return cat(cipher.update(sealed.subarray(0, -16)), cipher.final());
}

const der = (prefix: string, key: Bytes) => cat(Buffer.from(prefix, 'hex'), key);
const privateObject = (key: Bytes) =>
  createPrivateKey({
    key: der('302e020100300506032b656e04220420', key),
    format: 'der',
    type: 'pkcs8',
  });

export const PUB = (key: Bytes): Bytes =>
  createPublicKey(privateObject(key)).export({ format: 'der', type: 'spki' }).subarray(-32);

export const DH = (ours: Bytes, theirs: Bytes): Bytes =>
  diffieHellman({
    privateKey: privateObject(ours),
    publicKey: createPublicKey({
      key: der('302a300506032b656e032100', theirs),
      format: 'der',
      type: 'spki',
    }),
  });

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** Appends mac1 and mac2 for the receiver's public key. */
export function withMacs(message: Bytes, receiver: Bytes, cookie?: Bytes): Bytes {
  const mac1 = slowBlake2s(message, 16, HASH(Buffer.from('mac1----'), receiver));
  const mac2 = cookie ? slowBlake2s(cat(message, mac1), 16, cookie) : Buffer.alloc(16);
  return cat(message, mac1, mac2);
}

export type Inputs = {
  initiatorStatic: Bytes; // private keys
  initiatorEphemeral: Bytes;
  responderStatic: Bytes;
  responderEphemeral: Bytes;
  presharedKey: Bytes;
  timestamp: Bytes;
  initiatorIndex: number;
  responderIndex: number;
};

/** The whole handshake as both sides together would see it. */
export function wholeHandshake(i: Inputs) {
  const Spub_i = PUB(i.initiatorStatic);
  const Spub_r = PUB(i.responderStatic);
  const Epub_i = PUB(i.initiatorEphemeral);
  const Epub_r = PUB(i.responderEphemeral);

  // 5.4.2, first message
  let C: Bytes = HASH(Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'));
  let H: Bytes = HASH(C, Buffer.from('WireGuard v1 zx2c4 Jason@zx2c4.com'));
  H = HASH(H, Spub_r);
  C = KDF(1, C, Epub_i)[0]!;
  H = HASH(H, Epub_i);
  let k: Bytes;
  [C, k] = KDF(2, C, DH(i.initiatorEphemeral, Spub_r)) as [Bytes, Bytes];
  const sealedStatic = AEAD(k, Spub_i, H);
  H = HASH(H, sealedStatic);
  [C, k] = KDF(2, C, DH(i.initiatorStatic, Spub_r)) as [Bytes, Bytes];
  const sealedTimestamp = AEAD(k, i.timestamp, H);
  H = HASH(H, sealedTimestamp);
  const initiation = cat(u32(1), u32(i.initiatorIndex), Epub_i, sealedStatic, sealedTimestamp);

  // 5.4.3, second message
  C = KDF(1, C, Epub_r)[0]!;
  H = HASH(H, Epub_r);
  C = KDF(1, C, DH(i.responderEphemeral, Epub_i))[0]!;
  C = KDF(1, C, DH(i.responderEphemeral, Spub_i))[0]!;
  const [C2, tau, k2] = KDF(3, C, i.presharedKey) as [Bytes, Bytes, Bytes];
  H = HASH(H, tau);
  const sealedEmpty = AEAD(k2, cat(), H);
  const response = cat(u32(2), u32(i.responderIndex), u32(i.initiatorIndex), Epub_r, sealedEmpty);

  // 5.4.5, transport keys
  const [initiatorSends, responderSends] = KDF(2, C2, cat()) as [Bytes, Bytes];
  return {
    initiation: withMacs(initiation, Spub_r),
    response: withMacs(response, Spub_i),
    initiatorSends,
    responderSends,
  };
}
