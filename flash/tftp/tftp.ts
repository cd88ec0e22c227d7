// `kith flash tftp`.

import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parsePrefix } from '../../agent/bytes/address.js';
import { Failure, systemCode, UsageFailure } from '../../agent/commands/failure.js';
import { formatBytes } from '../../agent/commands/table.js';
import { type Program, STOPPED, type Stage } from '../command.js';
import { Progress } from '../progress.js';
import { TftpServer } from './server.js';
import type { File } from './transfer.js';

export type TftpGiven = Readonly<{
  image: string;
  interface: string;
  address?: string;
  name?: string;
  port: number;
  keep: boolean;
}>;

const LOOK_MS = 500; // for the interface: it comes and goes with the router's power

export const tftp: Program<TftpGiven> = {
  async run(given, stage) {
    const image = openImage(given.image);
    const undo =
      given.address === undefined ? undefined : addAddress(given.interface, given.address);
    try {
      const wanted = given.address?.split('/')[0];
      const address = await addressOf(given.interface, wanted, stage);
      if (address === undefined) return STOPPED;
      return await serve(image.file, address, given, stage);
    } finally {
      undo?.();
      image.close();
    }
  },
};

function serve(file: File, address: string, given: TftpGiven, stage: Stage): Promise<number> {
  const progress = new Progress(stage);
  const say = (line: string, plain: object) => {
    progress.end();
    if (stage.json) stage.out(`${JSON.stringify(plain)}\n`);
    else stage.error(`${line}\n`);
  };
  return new Promise((resolve, reject) => {
    const server = new TftpServer({
      file,
      address,
      port: given.port,
      name: given.name,
      onAsked: (client, name) => say(`${client} asks for ${name}`, { client, asked: name }),
      onProgress: (_client, bytes) => {
        const fraction = file.size === 0 ? 1 : bytes / file.size;
        progress.show({ phase: 'send', bytes, total: file.size, fraction });
      },
      onEnd: (client, error) => {
        if (error !== undefined) return say(`${client}: ${error}`, { client, error });
        say(
          `Done: ${client} has all ${formatBytes(file.size)}. Leave its power on: it writes now.`,
          { client, done: true, bytes: file.size },
        );
        if (!given.keep) end(0);
      },
    });
    const end = (code: number) => {
      server.stop();
      resolve(code);
    };
    stage.stop.addEventListener('abort', () => end(STOPPED), { once: true });
    server.start().then((port) => {
      const what = given.name ?? 'any name';
      say(
        `Serving ${formatBytes(file.size)} as ${what} on ${address}, port ${port}. ` +
          'Now hold reset and switch the router on. Ctrl-C ends it.',
        { serving: address, port, bytes: file.size },
      );
    }, reject);
  });
}

function openImage(path: string): { file: File; close(): void } {
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (error) {
    const code = systemCode(error);
    throw new Failure(`cannot read ${path}: ${code === 'ENOENT' ? 'there is none' : code}`);
  }
  const status = fstatSync(handle);
  if (!status.isFile() || status.size === 0) {
    closeSync(handle);
    throw new Failure(`${path} is no file with something in it`);
  }
  const read = (at: number, length: number) => {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, status.size - at)));
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(handle, bytes, done, bytes.length - done, at + done);
      if (count === 0) break; // it was cut off meanwhile: the client sees a short block
      done += count;
    }
    return bytes;
  };
  return { file: { size: status.size, read }, close: () => closeSync(handle) };
}

/** The interface's own, IPv4 first; waits for it. Undefined at Ctrl-C. */
async function addressOf(name: string, wanted: string | undefined, stage: Stage) {
  for (let said = false; !stage.stop.aborted; said = true) {
    const all = networkInterfaces()[name] ?? [];
    const found = all.find(
      ({ family, address }) => wanted === address || (!wanted && family === 'IPv4'),
    );
    if (found) return found.address;
    if (!said) stage.error(`${name} has no address yet: waiting (or give it one by --address)\n`);
    await pause(LOOK_MS, undefined, { signal: stage.stop }).catch(() => {});
  }
  return undefined;
}

/** Gives the interface an address; what takes it away again. Throws Failure. */
function addAddress(name: string, address: string): (() => void) | undefined {
  if (!parsePrefix(address) || !address.includes('/'))
    throw new UsageFailure('--address must have a length, such as 192.168.1.66/24');
  const ip = (verb: string) =>
    spawnSync('ip', ['address', verb, address, 'dev', name], { encoding: 'utf8' });
  const { status, stderr, error } = ip('add');
  if (status === 0) return () => void ip('del');
  if (/File exists|already assigned/.test(stderr ?? '')) return undefined; // and it stays
  throw new Failure(`cannot give ${name} ${address}: ${(stderr ?? error?.message ?? '').trim()}`);
}
