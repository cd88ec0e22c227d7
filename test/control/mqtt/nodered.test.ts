// needs: mosquitto, mosquitto-clients
// slow: installs Node-RED from npm, 15 s
// deadline: 180
//
// Node-RED as a dashboard, as it comes from npm: a flow that shows the status of every node and one
// that changes a setting. It is driven over its own admin API.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KEY_B } from '../../config/samples.js';
import { temporaryFolder } from '../program.js';
import { freePort, Mosquitto, stopAll, until } from './mosquitto.js';
import { peer, ROOT, status, stopNodes, TestNode } from './node.js';

const PACKAGE = 'node-red@4';

/** What somebody draws: status ─▶ show, a button ─▶ config/set, and the answer ─▶ show. */
function flow(port: number): object[] {
  const broker = { id: 'b0', type: 'mqtt-broker', broker: '127.0.0.1', port, protocolVersion: 5 };
  const inside = { z: 't0', x: 1, y: 1 };
  const hears = { ...inside, type: 'mqtt in', qos: '1', datatype: 'json', broker: 'b0', rh: 0 };
  const shows = (id: string, name: string) => {
    const func = `global.set('${name}', msg.payload); return msg;`;
    return { ...inside, id, type: 'function', func, outputs: 1, wires: [[]] };
  };
  const patch = JSON.stringify({ id: 'red', patch: { mesh: { share: { relay: false } } } });
  return [
    { id: 't0', type: 'tab', label: 'kith' },
    broker,
    { ...hears, id: 'i1', topic: 'kith/+/status', wires: [['f1']] },
    shows('f1', 'status'),
    { ...hears, id: 'i2', topic: 'kith/+/config/result', wires: [['f2']] },
    shows('f2', 'result'),
    {
      ...inside,
      id: 'press',
      type: 'inject',
      props: [{ p: 'payload' }],
      payload: patch,
      payloadType: 'str',
      wires: [['o1']],
    },
    {
      ...inside,
      id: 'o1',
      type: 'mqtt out',
      topic: `${ROOT}/config/set`,
      qos: '1',
      broker: 'b0',
      wires: [],
    },
  ];
}

class NodeRed {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {}

  static async start(folder: string): Promise<NodeRed> {
    const npm = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--omit=dev', PACKAGE];
    execFileSync('npm', npm, { stdio: 'pipe', timeout: 120_000 });
    const user = join(folder, 'user');
    mkdirSync(user);
    const port = await freePort();
    const settings = { uiPort: port, uiHost: '127.0.0.1', telemetry: { enabled: false } };
    writeFileSync(join(user, 'settings.js'), `module.exports = ${JSON.stringify(settings)};`);
    const program = join(folder, 'node_modules/node-red/red.js');
    const child = spawn(process.execPath, [program, '--userDir', user], { stdio: 'pipe' });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (output = `${output}${text}`.slice(-5_000)));
    const red = new NodeRed(child, `http://127.0.0.1:${port}`);
    for (let tries = 0; !(await red.answers()); tries++) {
      if (tries > 300 || child.exitCode !== null) throw new Error(`Node-RED: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return red;
  }

  async deploy(flows: readonly object[]): Promise<void> {
    await this.post('/flows', flows);
  }

  /** As a click on its button does. */
  async press(id: string): Promise<void> {
    await this.post(`/inject/${id}`, {});
  }

  /** What a flow keeps under this name; undefined while there is nothing. */
  async shown(name: string): Promise<Record<string, unknown> | undefined> {
    const answer = await fetch(`${this.url}/context/global/${name}`);
    const { msg, format } = (await answer.json()) as { msg?: string; format?: string };
    return format?.startsWith('Object') && msg !== undefined ? JSON.parse(msg) : undefined;
  }

  async until(name: string, holds: (value: Record<string, unknown>) => boolean) {
    for (const end = Date.now() + 15_000; Date.now() < end; ) {
      const value = await this.shown(name);
      if (value && holds(value)) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`it never showed ${name}`);
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private async answers(): Promise<boolean> {
    return fetch(`${this.url}/flows`).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  private async post(path: string, body: unknown): Promise<void> {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
  }
}

const nodeRed = suite('control/mqtt/nodered');

nodeRed.after(async () => {
  await stopNodes();
  stopAll();
});

nodeRed('a flow shows the status and changes a setting', async () => {
  const broker = await Mosquitto.start();
  const node = new TestNode({ url: broker.url });
  const link = node.start();
  await until(() => link.view().connected, 'it is connected');
  const red = await NodeRed.start(temporaryFolder());
  try {
    await red.deploy(flow(broker.port));
    const before = await red.until('status', ({ name }) => name === 'cabin');
    assert.is((before.peers as { total: number }).total, 0, 'what was retained');
    node.status = status([peer({ name: 'phone', publicKey: KEY_B })]);
    node.mqtt?.poke();
    await red.until('status', ({ peers }) => (peers as { direct: number }).direct === 1);
    await red.press('press');
    const result = await red.until('result', ({ id }) => id === 'red');
    assert.is(result.ok, true);
    assert.is(node.store.read().mesh.share.relay, false);
  } finally {
    red.stop();
  }
});

nodeRed.run();
