// What the commands of the lab have in common: where they show what, and the look at a lab.

import type { View } from '../../commands/command.js';
import type { Status } from '../../commands/context.js';
import { statusOf } from './crew.js';
import { type Picture, picture, type Rtt, show } from './picture.js';
import type { Record, RecordFile } from './record.js';

/** What the command line gives. */
export type Stage = Readonly<{
  kith: readonly string[]; // the command that runs this very program
  json: boolean;
  out(text: string): void;
  error(text: string): void;
  view: Pick<View, 'terminal' | 'color' | 'rows'>;
}>;

export function render(now: Picture, pinged: boolean, { json, view }: Stage): string {
  return json ? JSON.stringify(now) : `${show(now, pinged, view.color)}\n`;
}

/** How the nodes of a lab are doing, by name; undefined: it does not answer. */
export async function askAll(
  record: Record,
  file: RecordFile,
): Promise<Map<string, Status | undefined>> {
  const nodes = record.inhabitants.filter(({ guest }) => !guest);
  const asked = nodes.map(async ({ name }) => [name, await statusOf(file.stateOf(name))] as const);
  return new Map(await Promise.all(asked));
}

export function pictureOf(
  record: Record,
  statuses: ReadonlyMap<string, Status | undefined>,
  rtt: Rtt,
): Picture {
  const { homes } = record.internet;
  const places = record.inhabitants.flatMap(({ name }) => {
    const home = homes.find(({ label }) => label === name);
    return home ? [{ name, nat: home.kind, address: home.address, cut: home.cut }] : [];
  });
  return picture(places, statuses, rtt);
}
