// `kith lab up`: builds a lab and shows it until it is told to end.

import { formatPrefix, parsePrefix } from '../../bytes/address.js';
import type { Status } from '../../commands/context.js';
import { Failure } from '../../commands/failure.js';
import { Crew } from './crew.js';
import { Ending } from './ending.js';
import { type Home, type HomeKind, Internet } from './internet.js';
import { isWhole, type Picture, show } from './picture.js';
import { Pings } from './pings.js';
import { isAlive, type Record, type RecordFile, startOf } from './record.js';
import type { Spaces } from './spaces.js';
import { askAll, pictureOf, render, type Stage } from './stage.js';

type Plan = Readonly<{ name: string; kind: HomeKind; mapped?: Home['mapped'] }>;

/** Three homes, of which two cannot meet directly; and a node that everybody reaches. */
const FIRST: Plan = { name: 'harbour', kind: 'public' };
const HOMES: readonly Plan[] = [
  { name: 'house', kind: 'port-restricted', mapped: { inside: 51820, outside: 40_001 } },
  { name: 'cabin', kind: 'address-restricted' },
  { name: 'studio', kind: 'symmetric' },
];
const GUEST: Plan = { name: 'phone', kind: 'symmetric' };

const PICTURE_MS = 500;

export async function up(spaces: Spaces, file: RecordFile, stage: Stage): Promise<number> {
  const other = file.read();
  if (other !== undefined && isAlive(other))
    throw new Failure(`a lab is running (pid ${other.pid}): kith lab down ends it`);
  if ((await spaces.remove()) > 0) stage.error('cleared what an earlier lab had left\n');
  file.remove();
  const ending = new Ending();
  const pings = new Pings(spaces);
  try {
    const built = new Built(spaces, file, stage, ending);
    await built.make();
    await watch(built, pings, ending);
    return 0;
  } catch (error) {
    if (ending.told) return 0; // what it was at just then failed for that
    throw error;
  } finally {
    pings.stop();
    await spaces.remove();
    file.remove();
    ending.forget();
  }
}

/** A lab as it comes to be. */
class Built {
  readonly began = performance.now();
  readonly guests = new Map<string, string>(); // its address inside
  private record: Record | undefined;

  constructor(
    readonly spaces: Spaces,
    readonly file: RecordFile,
    readonly stage: Stage,
    private readonly ending: Ending,
  ) {}

  async make(): Promise<void> {
    const { spaces, file } = this;
    const internet = await Internet.make(spaces);
    const plans = [FIRST, ...HOMES];
    const names = plans.map(({ name }) => ({ name, guest: false }));
    const inhabitants = [...names, { name: GUEST.name, guest: true }];
    const owner = { pid: process.pid, start: startOf(process.pid) };
    this.record = { ...owner, internet: internet.state, inhabitants };
    file.write(this.record);
    const crew = new Crew(spaces, file, this.stage.kith);
    // The agents start while the rest is built, and none waits for another.
    const started = new Map<string, Promise<void>>();
    for (const { name, kind, ...more } of [...plans, GUEST]) {
      await internet.addHome(name, kind, more);
      this.ending.check();
      if (name === GUEST.name) continue;
      started.set(name, crew.start(name));
      started.get(name)?.catch(() => {}); // told where it is waited for
    }
    file.write(this.record);
    await spaces.forward(FIRST.name); // a router, which carries a guest
    this.say('a small internet is built, its nodes are starting');
    await started.get(FIRST.name);
    await crew.found(FIRST.name);
    this.ending.check();
    this.say(`${FIRST.name} has made a mesh`);
    const joined = HOMES.map(async ({ name }) => {
      const word = await crew.invite(name, FIRST.name);
      await started.get(name);
      await crew.join(name, word);
      this.say(`${name} has joined`);
    });
    const guest = this.letGuestIn(crew, internet.home(FIRST.name).address);
    const all = await Promise.allSettled([...joined, guest]);
    for (const one of all) if (one.status === 'rejected') throw one.reason;
    this.ending.check();
  }

  /** The mesh is worth looking at without it. */
  private async letGuestIn(crew: Crew, endpoint: string): Promise<void> {
    try {
      this.guests.set(GUEST.name, await crew.guest(GUEST.name, FIRST.name, endpoint));
      this.say(`${GUEST.name} is a guest of ${FIRST.name}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.say(`without ${GUEST.name}: ${error.message}`);
      if (this.record === undefined) return;
      const nodes = this.record.inhabitants.filter(({ guest }) => !guest);
      this.record = { ...this.record, inhabitants: nodes };
      this.file.write(this.record);
    }
  }

  say(text: string): void {
    const seconds = (performance.now() - this.began) / 1000;
    this.stage.error(`${seconds.toFixed(1).padStart(5)} s  ${text}\n`);
  }
}

/** Shows the lab again and again until it is told to end. */
async function watch(built: Built, pings: Pings, ending: Ending): Promise<void> {
  const { file, stage } = built;
  let shown = '';
  let whole = false;
  while (!ending.told) {
    const record = file.mustRead();
    const statuses = await askAll(record, file);
    aimAll(record, statuses, built.guests, pings);
    const now = pictureOf(record, statuses, (from, to) => pings.rtt(from, to));
    if (!whole && isWhole(now)) {
      whole = true;
      built.say('everybody reaches everybody');
      shown = '';
    }
    // without times two pictures of the same state are the same
    const kind = JSON.stringify(now, (key, value) =>
      key === 'rttMs' ? value === null : key === 'reason' ? undefined : value,
    );
    if (stage.view.terminal && !stage.json) stage.out(screen(now, stage));
    else if (whole && kind !== shown) stage.out(`${render(now, true, stage)}\n`);
    if (whole) shown = kind;
    await ending.within(PICTURE_MS);
  }
}

function screen(now: Picture, stage: Stage): string {
  const hints = [
    '',
    ...relayed(now),
    '',
    'In another terminal: kith lab cut house · heal house · nat studio full-cone · move cabin',
    'Ctrl-C takes it all down.',
  ];
  const lines = [...show(now, true, stage.view.color).split('\n'), ...hints];
  const fitting = lines.slice(0, Math.max(1, stage.view.rows - 1));
  return `\x1b[2J\x1b[H${fitting.map((line) => `${line}\x1b[K\n`).join('')}`;
}

function relayed({ links }: Picture): string[] {
  return links.flatMap(({ from, to, reason }) =>
    reason === null || from > to ? [] : [`${from} – ${to}: ${reason}`],
  );
}

function aimAll(
  { inhabitants }: Record,
  statuses: ReadonlyMap<string, Status | undefined>,
  guests: ReadonlyMap<string, string>,
  pings: Pings,
): void {
  for (const { name: to } of inhabitants) {
    const address = guests.get(to) ?? addressOf(statuses.get(to));
    if (address === undefined) continue;
    for (const { name: from } of inhabitants) if (from !== to) pings.aim(from, to, address);
  }
}

/** IPv4 where there is one: a guest may have nothing else. */
function addressOf(status: Status | undefined): string | undefined {
  const prefixes = (status?.addresses ?? []).flatMap(
    (text) => parsePrefix(text.split('/')[0] ?? '') ?? [],
  );
  const four = prefixes.find(({ address }) => !address.includes(':'));
  const chosen = four ?? prefixes[0];
  return chosen && formatPrefix(chosen).split('/')[0];
}
