// `kith flash write`.

import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { Failure } from '../../agent/commands/failure.js';
import { formatBytes, formatSeconds } from '../../agent/commands/table.js';
import { type Program, STOPPED, type Stage } from '../command.js';
import { Progress } from '../progress.js';
import { type Device, diskOfPartition, listDevices } from './devices.js';
import { type Medium, openMedium } from './medium.js';
import { openSource, type Source } from './source.js';
import { Stopped, Writer, type Written } from './writer.js';

export type WriteGiven = Readonly<{
  image: string;
  device: string;
  sha256?: string | undefined;
  yes: boolean;
  dryRun: boolean;
  fixed: boolean;
  noVerify: boolean;
}>;

export const write: Program<WriteGiven> = {
  async run(given, stage) {
    const device = findTarget(given.device, given.fixed);
    const source = await openSource(given.image, stage.stop);
    if (source.size !== undefined && source.size > device.size)
      throw new Failure(
        `${device.path} is too small: it has ${formatBytes(device.size)}, ` +
          `the image needs ${formatBytes(source.size)}`,
      );
    if (given.dryRun) return dryRun(source, device, given, stage);
    if (!given.yes) await confirm(device, given.image, stage);
    const medium = await openMedium(device.path, device.size, device.sector);
    try {
      return await writeTo(medium, source, given, stage);
    } finally {
      await medium.close().catch(() => {}); // a device that is gone cannot be closed well
    }
  },
};

/** The device, where it may be written to. Throws Failure. */
export function findTarget(path: string, fixed: boolean, root = '/'): Device {
  const name = basename(resolved(path));
  const device = listDevices(root).find((one) => one.path === `/dev/${name}`);
  if (!device) {
    const disk = diskOfPartition(name, root);
    if (disk !== undefined)
      throw new Failure(
        `${path} is a partition: an image goes onto the whole device, /dev/${disk}`,
      );
    throw new Failure(`${path} is no card, stick or disk: \`kith flash list\` names them`);
  }
  const refusal = refusalOf(device, fixed);
  if (refusal !== undefined) throw new Failure(`${device.path}: ${refusal}`);
  return device;
}

function refusalOf(device: Device, fixed: boolean): string | undefined {
  const { system, readOnly, mounted, inUse, kind } = device;
  if (system) return 'this system lies on it, and would be gone';
  if (mounted.length > 0)
    return `it is mounted at ${mounted.join(' ')}: take it out in your file manager, or \`umount\``;
  if (inUse) return 'encryption, LVM or RAID has it in use: close that first';
  if (readOnly) return 'it is read-only: is the switch at the side of the card set to LOCK?';
  if (kind === 'fixed' && !fixed)
    return 'it is built into this machine. If you mean it all the same, say --fixed';
  return undefined;
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it is said below that there is none
  }
}

async function confirm(device: Device, image: string, stage: Stage): Promise<void> {
  const what = `${device.model || 'no name'}, ${formatBytes(device.size)}`;
  stage.error(`${device.path} (${what}) will be overwritten whole with ${image}.\n`);
  const answer = await stage.ask('Go ahead? Type yes: ');
  if (stage.stop.aborted) throw new Stopped('nothing was changed');
  if (answer === 'yes') return;
  throw new Failure('nothing was changed: only "yes" goes ahead, here or as --yes');
}

async function dryRun(source: Source, device: Device, given: WriteGiven, stage: Stage) {
  const progress = new Progress(stage);
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of source.image) {
    if (stage.stop.aborted) return STOPPED;
    hash.update(piece);
    bytes += piece.length;
    progress.show({ phase: 'read', bytes, ...share(source, bytes) });
  }
  progress.end();
  if (bytes > device.size)
    throw new Failure(
      `${device.path} is too small: it has ${formatBytes(device.size)}, ` +
        `the image needs ${formatBytes(bytes)}`,
    );
  const sha256 = hash.digest('hex');
  checkSum(given.sha256, [sha256, source.sha256()]);
  tell(
    stage,
    `It fits: ${formatBytes(bytes)} of ${formatBytes(device.size)}. Nothing was changed.`,
    {
      dryRun: true,
      device: device.path,
      bytes,
      sha256,
    },
  );
  return 0;
}

/** Resolves to the exit code. Throws Failure, which says in what state the device is. */
export async function writeTo(
  medium: Medium,
  source: Source,
  given: Pick<WriteGiven, 'sha256' | 'noVerify'>,
  stage: Stage,
): Promise<number> {
  const progress = new Progress(stage);
  const began = performance.now();
  const writer = new Writer({
    image: source.image,
    medium,
    stop: stage.stop,
    verify: !given.noVerify,
    check: (sha256) => checkSum(given.sha256, [sha256, source.sha256()]),
    onProgress(phase, bytes, total) {
      const known = total === undefined ? share(source, bytes) : { total, fraction: bytes / total };
      progress.show({ phase: PHASES[phase], bytes, ...known });
    },
  });
  let written: Written;
  try {
    written = await writer.run();
  } catch (error) {
    progress.end();
    const state = stateOf(writer, medium.path);
    if (stage.stop.aborted) {
      tell(stage, `Stopped. ${state}`, { error: 'stopped', state });
      return STOPPED;
    }
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`${error.message}. ${state}`, error.problems);
  }
  progress.end();
  const seconds = (performance.now() - began) / 1000;
  const { bytes, kept, sha256 } = written;
  const again = kept > 0 ? `, ${formatBytes(kept)} of it there before` : '';
  const read = given.noVerify ? 'not read back' : 'read back';
  tell(
    stage,
    `Done: ${formatBytes(bytes)}${again}, ${read}, in ${formatSeconds(Math.ceil(seconds))}. ` +
      `SHA-256 ${sha256}. You can take ${medium.path} out.`,
    { done: true, device: medium.path, bytes, kept, sha256, verified: !given.noVerify },
  );
  return 0;
}

const PHASES = { compare: 'compare', write: 'write', verify: 'verify' } as const;

function stateOf(writer: Writer, path: string): string {
  if (writer.untouched) return `Nothing on ${path} was changed.`;
  return (
    `${path} boots nothing now: its first block is written last, and is not there. ` +
    'The same command again goes on where this stopped.'
  );
}

/** How far it is, by the image where its size is known, else by the file it is unpacked from. */
function share(source: Source, bytes: number) {
  const { size } = source;
  if (size !== undefined && size > 0) return { total: size, fraction: Math.min(1, bytes / size) };
  const taken = source.taken();
  const fraction = taken.total === undefined ? undefined : taken.bytes / taken.total;
  return { total: undefined, fraction };
}

function checkSum(wanted: string | undefined, sums: readonly string[]): void {
  if (wanted === undefined || sums.includes(wanted.toLowerCase())) return;
  throw new Failure(
    'the image is not what --sha256 says: fetch it again, or look for its right sum',
  );
}

function tell({ json, out, error }: Stage, line: string, plain: Record<string, unknown>): void {
  if (json) out(`${JSON.stringify(plain)}\n`);
  else error(`${line}\n`);
}
