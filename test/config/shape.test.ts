import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigSchema } from '../../agent/config/schema.js';
import {
  applyOf,
  bare,
  entryNames,
  entryOf,
  helpOf,
  type Shape,
  shapeOf,
} from '../../agent/config/shape.js';

const shape = suite('config/shape');

/** Every setting of the schema with its path. */
function settings(at: Shape, path: string): Array<[string, Shape]> {
  const inner = bare(at);
  if (inner.item?.entries || bare(inner.item ?? at).entries === undefined) return [[path, at]];
  return entryNames(inner).flatMap((name) =>
    settings(entryOf(inner, name)!, path === '' ? name : `${path}.${name}`),
  );
}

const all = settings(shapeOf(ConfigSchema), '');

shape('the schema has its settings', () => {
  const paths = all.map(([path]) => path);
  for (const path of ['listen.port', 'interface.addresses', 'cipher', 'peers', 'mesh.share.relay'])
    assert.ok(paths.includes(path), path);
  assert.ok(paths.length >= 23, String(paths.length));
});

for (const [path, at] of all) {
  shape(`${path} has help, and says when a change takes effect`, () => {
    assert.ok(helpOf(at).length > 10, helpOf(at));
    assert.ok(['live', 'restart'].includes(applyOf(at) ?? ''), applyOf(at));
  });
}

shape("a peer's settings have help", () => {
  const peer = bare(entryOf(shapeOf(ConfigSchema), 'peers')!).item!;
  for (const name of entryNames(peer)) assert.ok(helpOf(entryOf(peer, name)!) !== '', name);
});

shape.run();
