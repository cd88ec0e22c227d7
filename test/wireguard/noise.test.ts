import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { presharedKeyFrom, SymmetricState } from '../../agent/wireguard/noise.js';
import { seeded } from './pair.js';

const noise = suite('wireguard/noise');
const { bytes } = seeded(6);

function mixed(): SymmetricState {
  const state = SymmetricState.begin(new Uint8Array(32).fill(7));
  state.mixEphemeral(new Uint8Array(32).fill(8));
  state.mixKey(new Uint8Array(32).fill(9));
  return state;
}

noise('what one side seals the other opens, and both go on alike', () => {
  const [one, other] = [mixed(), mixed()];
  const sealed = one.seal(Uint8Array.of(1, 2, 3));
  assert.equal(other.open(sealed), Uint8Array.of(1, 2, 3));
  assert.equal(one.split(), other.split());
});

noise('every input counts', () => {
  const reference = mixed().split();
  const states = [1, 2, 3].map((which) => {
    const state = SymmetricState.begin(new Uint8Array(32).fill(which === 1 ? 1 : 7));
    state.mixEphemeral(new Uint8Array(32).fill(which === 2 ? 1 : 8));
    state.mixKey(new Uint8Array(32).fill(which === 3 ? 1 : 9));
    return state;
  });
  assert.equal(states[0]!.open(mixed().seal(bytes(4))), undefined);
  for (const state of states.slice(1)) assert.not.equal(state.split(), reference);
});

noise('what does not open leaves the transcript as it was', () => {
  const [one, other] = [mixed(), mixed()];
  const sealed = one.seal(bytes(5));
  assert.is(other.open(bytes(21)), undefined);
  assert.ok(other.open(sealed));
});

noise('a shared secret is zero once it is mixed in', () => {
  const shared = bytes(32);
  mixed().mixKey(shared);
  assert.equal(shared, new Uint8Array(32));
});

noise('split and wipe leave nothing that could be used', () => {
  for (const end of ['split', 'wipe'] as const) {
    const state = mixed();
    state[end]();
    assert.throws(() => state.mixHash(bytes(1)), /wiped/);
    assert.throws(() => state.mixKey(bytes(32)), /wiped/);
    assert.throws(() => state.seal(bytes(1)), /wiped/);
    assert.throws(() => state.split(), /wiped/);
  }
});

noise('a clone lives by itself', () => {
  const state = mixed();
  const clone = state.clone();
  clone.mixKey(bytes(32));
  clone.wipe();
  assert.equal(state.split(), mixed().split());
});

noise('it does not print', () => {
  assert.not.match(inspect(mixed(), { depth: null, showHidden: true }), /\d{2}, |Uint8Array/);
});

noise('no pre-shared key is null or zeros; a copy is kept of any other', () => {
  assert.is(presharedKeyFrom(null), undefined);
  assert.is(presharedKeyFrom(new Uint8Array(32)), undefined);
  const key = bytes(32);
  const kept = presharedKeyFrom(key);
  assert.equal(kept?.bytes, key);
  kept?.wipe();
  assert.not.equal(key, new Uint8Array(32));
  assert.throws(() => presharedKeyFrom(bytes(31)), /"presharedKey" has 31 bytes/);
});

noise.run();
