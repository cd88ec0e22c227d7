import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PrivateKey, publicKeyOf } from '../../agent/crypto/x25519.js';
import { Macs } from '../../agent/wireguard/cookie.js';
import { type Correspondent, Initiation, openInitiation } from '../../agent/wireguard/handshake.js';
import {
  type Initiation as InitiationMessage,
  type Response,
  readHandshakeMessage,
} from '../../agent/wireguard/messages.js';
import { seeded } from './pair.js';
import { type Inputs, wholeHandshake } from './twin.js';

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
const handshake = suite('wireguard/handshake');

function fixed(seed: number, presharedKey = new Uint8Array(32)): Inputs {
  const random = seeded(seed);
  return {
    initiatorStatic: random.bytes(32),
    initiatorEphemeral: random.bytes(32),
    responderStatic: random.bytes(32),
    responderEphemeral: random.bytes(32),
    presharedKey,
    timestamp: random.bytes(12),
    initiatorIndex: random.below(2 ** 32),
    responderIndex: random.below(2 ** 32),
  };
}

const identity = (privateKey: Uint8Array) => new PrivateKey(Uint8Array.from(privateKey));

const peerOf = (ours: Uint8Array, theirs: Uint8Array, presharedKey: Uint8Array): Correspondent => ({
  publicKey: publicKeyOf(theirs),
  staticStatic: identity(ours).dh(publicKeyOf(theirs))!,
  presharedKey,
});

/** Our initiator and our responder, with the ephemeral keys and indices of `inputs`. */
function ours(inputs: Inputs) {
  const { initiatorStatic, responderStatic, presharedKey } = inputs;
  const alice = identity(initiatorStatic);
  const bob = identity(responderStatic);
  const aboutBob = peerOf(initiatorStatic, responderStatic, presharedKey);
  const aboutAlice = peerOf(responderStatic, initiatorStatic, presharedKey);
  const begun = Initiation.begin(alice, aboutBob, {
    ephemeral: Uint8Array.from(inputs.initiatorEphemeral),
    sender: inputs.initiatorIndex,
    timestamp: inputs.timestamp,
  })!;
  new Macs(bob.publicKey).add(begun.datagram, 0);
  const message = readHandshakeMessage(begun.datagram) as InitiationMessage;
  const opened = openInitiation(bob, message)!;
  return { alice, bob, aboutBob, aboutAlice, begun, opened };
}

for (const [name, presharedKey] of [
  ['without a pre-shared key', new Uint8Array(32)],
  ['with a pre-shared key', seeded(99).bytes(32)],
] as const) {
  handshake(`every byte as the paper's steps give it, ${name}`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const inputs = fixed(seed, presharedKey);
      const want = wholeHandshake(inputs);
      const { alice, aboutBob, aboutAlice, begun, opened } = ours(inputs);
      assert.is(hex(begun.datagram), hex(want.initiation));
      assert.is(hex(opened.publicKey), hex(alice.publicKey));
      assert.is(hex(opened.timestamp(aboutAlice.staticStatic)), hex(inputs.timestamp));

      const ephemeral = Uint8Array.from(inputs.responderEphemeral);
      const response = opened.respond(aboutAlice, { ephemeral, sender: inputs.responderIndex })!;
      new Macs(alice.publicKey).add(response.datagram, 0);
      assert.is(hex(response.datagram), hex(want.response));
      assert.is(hex(response.keys.initiatorSends), hex(want.initiatorSends));
      assert.is(hex(response.keys.responderSends), hex(want.responderSends));

      const message = readHandshakeMessage(response.datagram) as Response;
      const keys = begun.initiation.finish(alice, aboutBob, message)!;
      assert.is(hex(keys.initiatorSends), hex(want.initiatorSends));
      assert.is(hex(keys.responderSends), hex(want.responderSends));
    }
  });
}

handshake('a forged response changes nothing, the good one after it still completes', () => {
  const inputs = fixed(7);
  const want = wholeHandshake(inputs);
  const { alice, aboutBob, begun } = ours(inputs);
  for (let at = 12; at < 60; at++) {
    const forged = Uint8Array.from(want.response);
    forged[at]! ^= 0x01;
    const message = readHandshakeMessage(forged) as Response;
    assert.is(begun.initiation.finish(alice, aboutBob, message), undefined, `byte ${at}`);
  }
  const message = readHandshakeMessage(want.response) as Response;
  const keys = begun.initiation.finish(alice, aboutBob, message);
  assert.is(hex(keys?.initiatorSends), hex(want.initiatorSends));
});

handshake('every byte of an initiation counts', () => {
  const inputs = fixed(8);
  const { initiation } = wholeHandshake(inputs);
  const { bob, aboutAlice } = ours(inputs);
  for (let at = 8; at < 116; at++) {
    const forged = Uint8Array.from(initiation);
    forged[at]! ^= 0x80;
    if (at === 39) forged[at]! ^= 0xc0; // the unused bit of the u-coordinate, and one that counts
    const opened = openInitiation(bob, readHandshakeMessage(forged) as InitiationMessage);
    assert.is(opened?.timestamp(aboutAlice.staticStatic), undefined, `byte ${at}`);
    assert.is(opened !== undefined, at >= 88, `byte ${at}: the static key opens, or not`);
  }
});

handshake('another pre-shared key: the response does not open', () => {
  const inputs = fixed(9, seeded(1).bytes(32));
  const { response } = wholeHandshake(inputs);
  const { alice, aboutBob, begun } = ours(inputs);
  const message = readHandshakeMessage(response) as Response;
  const other = { ...aboutBob, presharedKey: seeded(2).bytes(32) };
  assert.is(begun.initiation.finish(alice, other, message), undefined);
  assert.ok(begun.initiation.finish(alice, aboutBob, message));
});

handshake('ephemeral keys of low order are refused on both sides', () => {
  const inputs = fixed(10);
  const { response, initiation } = wholeHandshake(inputs);
  const { alice, bob, aboutBob, aboutAlice, begun, opened } = ours(inputs);
  const zeroed = (datagram: Uint8Array, at: number) => {
    const copy = Uint8Array.from(datagram);
    copy.fill(0, at, at + 32);
    return readHandshakeMessage(copy);
  };
  assert.is(openInitiation(bob, zeroed(initiation, 8) as InitiationMessage), undefined);
  assert.is(begun.initiation.finish(alice, aboutBob, zeroed(response, 12) as Response), undefined);
  const nobody = { ...aboutBob, publicKey: new Uint8Array(32) };
  const fresh = { ephemeral: seeded(3).bytes(32), sender: 1, timestamp: inputs.timestamp };
  assert.is(Initiation.begin(alice, nobody, fresh), undefined);
  assert.equal(fresh.ephemeral, new Uint8Array(32), 'wiped all the same');

  opened.timestamp(aboutAlice.staticStatic);
  const ephemeral = seeded(4).bytes(32);
  const low = { ...aboutAlice, publicKey: new Uint8Array(32) };
  assert.is(opened.respond(low, { ephemeral, sender: 1 }), undefined);
  assert.equal(ephemeral, new Uint8Array(32));
});

handshake('ephemeral keys are zero once they are used, static ones are not', () => {
  const inputs = fixed(11);
  const { initiatorStatic, responderStatic, presharedKey } = inputs;
  const [alice, bob] = [identity(initiatorStatic), identity(responderStatic)];
  const aboutBob = peerOf(initiatorStatic, responderStatic, presharedKey);
  const aboutAlice = peerOf(responderStatic, initiatorStatic, presharedKey);
  const mine = Uint8Array.from(inputs.initiatorEphemeral);
  const begun = Initiation.begin(alice, aboutBob, {
    ephemeral: mine,
    sender: 1,
    timestamp: inputs.timestamp,
  })!;
  assert.not.equal(mine, new Uint8Array(32), 'still needed for the response');
  const message = readHandshakeMessage(begun.datagram) as InitiationMessage;
  const opened = openInitiation(bob, message)!;
  opened.timestamp(aboutAlice.staticStatic);
  const theirs = Uint8Array.from(inputs.responderEphemeral);
  const { datagram } = opened.respond(aboutAlice, { ephemeral: theirs, sender: 2 })!;
  assert.equal(theirs, new Uint8Array(32), 'the responder needs it no longer');
  begun.initiation.finish(alice, aboutBob, readHandshakeMessage(datagram) as Response);
  assert.equal(mine, new Uint8Array(32), 'nor does the initiator now');
  assert.is(hex(alice.bytes), hex(initiatorStatic));
  assert.is(hex(alice.dh(bob.publicKey)), hex(aboutBob.staticStatic));
});

handshake.run();
