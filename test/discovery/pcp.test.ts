import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  pcpRequest,
  pmpAddressRequest,
  pmpRequest,
  readAnswer,
} from '../../agent/discovery/pcp.js';

const NONCE = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
const REQUEST = { internalPort: 51820, externalPort: 51820, lifetimeS: 7200 };
const ASKED = { nonce: NONCE, internalPort: 51820 };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** A PCP MAP answer (RFC 6887, sections 7.2 and 11.1), by hand. */
function pcpAnswer({ code = '00', port = 'ca6c', nonce = hex(NONCE), outer = 'ca6d' } = {}) {
  return bytes(`02 81 00 ${code} 00000e10 00000001 000000000000000000000000
    ${nonce} 11 000000 ${port} ${outer} 00000000000000000000ffffc6336407`);
}

const pcp = suite('discovery/pcp');

pcp('a PCP request, byte for byte', () => {
  assert.is(
    hex(pcpRequest(REQUEST, '192.168.1.20', NONCE)),
    hex(
      bytes(`02 01 0000 00001c20 00000000000000000000ffffc0a80114
        0102030405060708090a0b0c 11 000000 ca6c ca6c 00000000000000000000ffff00000000`),
    ),
  );
});

pcp('NAT-PMP requests, byte for byte', () => {
  assert.is(hex(pmpRequest(REQUEST)), '00010000ca6cca6c00001c20');
  assert.is(hex(pmpAddressRequest()), '0000');
});

pcp('a PCP answer says port, address and lifetime', () => {
  assert.equal(readAnswer(pcpAnswer(), ASKED), {
    kind: 'mapped',
    externalPort: 51821,
    lifetimeS: 3600,
    address: '198.51.100.7',
  });
});

pcp('answers to others are none', () => {
  assert.is(readAnswer(pcpAnswer({ nonce: '00'.repeat(12) }), ASKED), undefined);
  assert.is(readAnswer(pcpAnswer({ port: 'ca6d' }), ASKED), undefined);
  assert.is(readAnswer(pcpRequest(REQUEST, '192.168.1.20', NONCE), ASKED), undefined);
  assert.is(readAnswer(pcpAnswer().subarray(0, 59), ASKED), undefined);
  assert.is(readAnswer(bytes('0081000000000001ca6dca6d00001c20'), ASKED), undefined);
});

pcp('a refusal says whether the version was the reason', () => {
  assert.equal(readAnswer(pcpAnswer({ code: '02' }), ASKED), {
    kind: 'refused',
    code: 2,
    wrongVersion: false,
  });
  // A router that knows NAT-PMP only answers PCP with its own version and "unsupported version".
  assert.equal(readAnswer(bytes('0080000100000001'), ASKED), {
    kind: 'refused',
    code: 1,
    wrongVersion: true,
  });
});

pcp('NAT-PMP answers', () => {
  assert.equal(readAnswer(bytes('0080000000000001c6336407'), ASKED), {
    kind: 'address',
    address: '198.51.100.7',
  });
  assert.equal(readAnswer(bytes('0081000000000001ca6cca6d00000e10'), ASKED), {
    kind: 'mapped',
    externalPort: 51821,
    lifetimeS: 3600,
    address: null,
  });
});

pcp('garbage of any length is no answer', () => {
  for (let length = 0; length < 80; length++)
    for (const fill of [0, 1, 0x81, 0xff])
      assert.not.throws(() => readAnswer(new Uint8Array(length).fill(fill), ASKED));
});

pcp.run();
