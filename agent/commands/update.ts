// `kith update …`.

import type { Handler } from './command.js';
import type { Context } from './context.js';
import { Failure } from './failure.js';
import { formatTable } from './table.js';
import type { Publisher, Updates, UpdateView } from './updates.js';

export const updateStatus: Handler<unknown, UpdateView> = {
  run: (context) => updates(context).view(),
  show: showView,
};

export const updateCheck: Handler<unknown, UpdateView> = {
  async run(context) {
    const here = updates(context);
    await here.check();
    return here.view();
  },
  show: showView,
};

export const updateApply = order((here) => here.apply());
export const updateConfirm = order((here) => here.confirm());
export const updateRollback = order((here) => here.rollBack());

export const updateAnnounce: Handler<Readonly<{ manifest: string }>, UpdateView> = {
  run(context, { manifest }) {
    const text = manifest.replaceAll(/\s/g, '');
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw new Failure('the manifest is no base64');
    const here = updates(context);
    const refused = here.announce(new Uint8Array(Buffer.from(text, 'base64')));
    if (refused !== undefined) throw new Failure(`the release was refused: ${refused}`);
    return here.view();
  },
  show: showView,
};

type KeyMade = Readonly<{ file: string; publicKey: string }>;

export const updateKey: Handler<Readonly<{ file: string }>, KeyMade> = {
  run: (context, { file }) => ({ file, publicKey: publisher(context).makeKey(file) }),
  show({ file, publicKey }, _given, { remark }) {
    remark(`${file} is the key of a publisher: whoever has it can put any program on the routers`);
    remark('that trust it. On each of them: kith config set update.keys, and then the line here');
    return publicKey;
  },
};

type SignGiven = Readonly<{
  folder: string;
  key: string;
  version: string;
  minimum?: string;
  notes: string;
  channel: string;
}>;
type Signed = Readonly<{ manifest: string; targets: readonly string[] }>;

export const updateSign: Handler<SignGiven, Signed> = {
  run: (context, { minimum, ...given }) =>
    publisher(context).sign({ ...given, minimum: minimum ?? null }),
  show: ({ manifest, targets }) =>
    `${manifest} announces it for ${targets.join(', ')}: put the folder on a web server.`,
};

function order(give: (here: Updates) => string | undefined): Handler<unknown, UpdateView> {
  return {
    run(context) {
      const here = updates(context);
      const refused = give(here);
      if (refused !== undefined) throw new Failure(refused);
      return here.view();
    },
    show: showView,
  };
}

function updates({ update }: Context): Updates {
  if (update) return update;
  throw new Failure(
    'this agent was not started by the launcher of its package, so it cannot replace itself: ' +
      'update it the way it was installed',
  );
}

function publisher({ publisher: here }: Context): Publisher {
  if (here) return here;
  throw new Failure('releases are signed from the command line only');
}

const STATES: Readonly<Record<UpdateView['state'], string>> = {
  off: 'not possible here',
  idle: 'up to date, as far as is known',
  announced: 'there is a newer one',
  downloading: 'is being fetched',
  waiting: 'lies here and waits',
  ready: 'lies here: `kith update apply`',
  installing: 'is being laid down',
  trial: 'is on trial',
  'rolled-back': 'was taken back',
};

function showView(view: UpdateView): string {
  const { installed, latest, state, progress, notes, reason, automatic, trialEnds } = view;
  const percent = progress === null ? '' : ` (${progress} %)`;
  const left = trialEnds === null ? '' : `, ${Math.max(0, trialEnds - unixSeconds())} s left`;
  const facts = [
    ['installed', installed],
    ['latest', latest ?? 'none newer is known'],
    ['state', `${STATES[state]}${percent}${left}`],
    ...(reason === null ? [] : [['because', reason]]),
    ['automatic', automatic],
  ];
  const table = formatTable(facts.map((row) => row.map((cell) => cell ?? '')));
  return notes === '' ? table : `${table}\n\n${notes}`;
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
