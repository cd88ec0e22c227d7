// Whether a setting may be changed from afar without a signature is decided here, once for each:
// could it lock the owner out, let a stranger in, or give a secret away? A new setting has to be
// put in one of the lists.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigSchema } from '../../agent/config/schema.js';
import {
  bare,
  entryNames,
  entryOf,
  isPrivileged,
  type Shape,
  shapeOf,
} from '../../agent/config/shape.js';

const FREE = `
  version name
  listen.port interface.mtu cipher endpoint
  dataplane.workers dataplane.tunSegmentation dataplane.udpSegmentation dataplane.udpReceive
  mqtt.enabled mqtt.url mqtt.username mqtt.discoveryPrefix
  mqtt.intervalSeconds mqtt.confirmSeconds
  mesh.portMapping mesh.portPrediction
  mesh.discovery.lan mesh.discovery.mqtt mesh.discovery.remember
  mesh.share.relay mesh.share.relayMbps mesh.share.relayGbPerMonth
  update.after update.window update.trialSeconds update.share
  board.led
`;

const PRIVILEGED = `
  interface.name interface.addresses privateKeyFile guests.dns peers
  mqtt.passwordFile mqtt.caFile mqtt.certificateFile mqtt.keyFile mqtt.baseTopic
  mqtt.allow mqtt.privileged
  broker.enabled broker.reach broker.port broker.webSocketPort
  serial.port serial.baudRate serial.pinFile
  dashboard.enabled dashboard.listen dashboard.port dashboard.metrics
  update.url update.keys update.channel update.automatic
  board.firewall
`;

const listed = (text: string) => text.trim().split(/\s+/).sort();

function settings(shape: Shape, path: string, inside: boolean): [string, boolean][] {
  const marked = inside || isPrivileged(shape);
  if (bare(shape).entries === undefined) return [[path, marked]];
  return entryNames(shape).flatMap((name) => {
    const entry = entryOf(shape, name);
    return entry ? settings(entry, path === '' ? name : `${path}.${name}`, marked) : [];
  });
}

const privileged = suite('config/privileged');

privileged('every setting is in the list that the schema marks it for', () => {
  const all = settings(shapeOf(ConfigSchema), '', false);
  const marked = (which: boolean) => all.filter(([, is]) => is === which).map(([path]) => path);
  assert.equal(marked(true).sort(), listed(PRIVILEGED));
  assert.equal(marked(false).sort(), listed(FREE));
});

privileged.run();
