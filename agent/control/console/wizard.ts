// From factory-fresh to a node of a mesh, question by question. Nothing is done until all is
// answered and `yes` is typed in full: so an empty line, or noise, changes nothing.

export type Plan = Readonly<{
  settings: ReadonlyArray<readonly [path: string, value: string]>;
  /** `none`, `new`, or the word of an invite. */
  mesh: string;
  pin: string | undefined;
  password: string | undefined; // at the broker
}>;

export type WizardFacts = Readonly<{
  name: string;
  networks: readonly string[]; // local ones, prefixes
  inMesh: boolean;
  mqtt: string; // a URL, `own` or `off`
  lan: Lan;
  hasPin: boolean;
  /** What is wrong with a value for a setting; undefined: nothing. */
  check(path: string, value: string): string | undefined;
  /** What an invite says. */
  readInvite(word: string): Readonly<{ name: string } | { problem: string; cutOff: boolean }>;
}>;

export type Lan = 'members' | 'all' | 'none';

export type Question = Readonly<{
  title: string;
  ask: string; // with the default in brackets
  secret: boolean;
  help: readonly string[];
}>;

type Step = 'name' | 'lan' | 'mesh' | 'mqtt' | 'user' | 'password' | 'pin' | 'again' | 'confirm';

const STEPS: readonly Step[] = [
  'name',
  'lan',
  'mesh',
  'mqtt',
  'user',
  'password',
  'pin',
  'again',
  'confirm',
];

const INVITE_ROW = 30; // characters: a shorter one is a slip
const INVITE_MAX = 1024;
export const PIN_LEAST = 4;
export const PIN_MOST = 64;

type Answers = {
  name: string;
  lan: Lan;
  mesh: string;
  mqtt: string;
  user: string;
  password: string;
  pin: string;
};

/** In this order: question, answer, question, …, until `done`; then plan. */
export class Wizard {
  private step: Step = 'name';
  private readonly answers: Answers;
  private readonly before: Step[] = []; // steps, to go back
  private end: 'yes' | 'no' | undefined;
  private invited = '';
  private begun = ''; // the first rows of an invite

  constructor(private readonly facts: WizardFacts) {
    const { name, lan, mqtt } = facts;
    this.answers = { name, lan, mesh: 'none', mqtt, user: '', password: '', pin: '' };
  }

  get done(): 'yes' | 'no' | undefined {
    return this.end;
  }

  get question(): Question {
    const { answers, facts } = this;
    const secret = this.step === 'password' || this.step === 'pin' || this.step === 'again';
    const fallback: Record<Step, string> = {
      name: answers.name,
      lan: answers.lan,
      mesh: 'none',
      mqtt: answers.mqtt,
      user: 'none',
      password: 'none',
      pin: facts.hasPin ? 'as it is' : 'none',
      again: '',
      confirm: 'no',
    };
    const inside = fallback[this.step];
    const ask = `${ASKS[this.step]}${inside === '' ? '' : ` [${shorten(inside)}]`}: `;
    return { title: TITLES[this.step], ask, secret, help: this.help() };
  }

  /** What to say about a line. `back` goes back, an empty one takes the default. */
  answer(line: string): readonly string[] {
    const text = line.trim();
    if (this.end !== undefined) return [];
    if (text === 'back' && this.step !== 'again') return this.back();
    switch (this.step) {
      case 'name':
        return this.named(text);
      case 'lan':
        return this.lanChosen(text);
      case 'mesh':
        return this.meshChosen(text);
      case 'mqtt':
        return this.mqttChosen(text);
      case 'user':
        return this.userNamed(text);
      case 'password':
        this.answers.password = text === 'none' ? '' : text;
        return this.go('pin');
      case 'pin':
        return this.pinChosen(line);
      case 'again':
        return this.pinRepeated(line);
      case 'confirm':
        return this.confirmed(text);
    }
  }

  /** What was asked for, once it is done with `yes`. */
  get plan(): Plan {
    const { answers, facts } = this;
    const settings: Array<readonly [string, string]> = [];
    // An invite names the node.
    if (answers.name !== facts.name && this.invited === '') settings.push(['name', answers.name]);
    if (answers.lan !== facts.lan) {
      const [members, all] = [answers.lan !== 'none', answers.lan === 'all'];
      if (members !== (facts.lan !== 'none')) settings.push(['mesh.discovery.lan', `${members}`]);
      if (all !== (facts.lan === 'all')) settings.push(['broker.reach', all ? 'lan' : 'loopback']);
    }
    if (answers.mqtt !== facts.mqtt) {
      settings.push(['mqtt.enabled', String(answers.mqtt !== 'off')]);
      settings.push(['mqtt.url', hasUrl(answers.mqtt) ? answers.mqtt : 'null']);
    }
    if (answers.user !== '') settings.push(['mqtt.username', answers.user]);
    return {
      settings,
      mesh: answers.mesh,
      pin: answers.pin === '' ? undefined : answers.pin,
      password: answers.password === '' ? undefined : answers.password,
    };
  }

  /** What is going to be done, for the last question. */
  summary(): readonly string[] {
    const { answers, facts, invited } = this;
    const mesh = invited !== '' ? `join, as ${invited}` : answers.mesh;
    const mqtt = answers.user === '' ? answers.mqtt : `${answers.mqtt} as ${answers.user}`;
    return [
      ...(invited === '' ? [`  name           ${answers.name}`] : []),
      `  local network  ${answers.lan}`,
      `  mesh           ${facts.inMesh ? 'as it is' : mesh}`,
      `  MQTT           ${mqtt}`,
      `  PIN            ${answers.pin !== '' ? 'a new one' : facts.hasPin ? 'as it is' : 'none'}`,
    ];
  }

  private named(text: string): readonly string[] {
    if (text === '') return this.go('lan');
    const problem = this.facts.check('name', text);
    if (problem !== undefined) return [`The name ${problem}.`];
    this.answers.name = text;
    return this.go('lan');
  }

  private lanChosen(text: string): readonly string[] {
    const known = (['members', 'all', 'none'] as const).find((one) => one === text);
    if (text !== '' && !known) return ['Type members, all or none.'];
    this.answers.lan = known ?? this.answers.lan;
    return this.go(this.facts.inMesh ? 'mqtt' : 'mesh');
  }

  private meshChosen(text: string): readonly string[] {
    this.invited = '';
    this.answers.mesh = 'none';
    const begun = this.begun;
    this.begun = '';
    if (text === '' || text === 'none') return this.go('mqtt');
    const whole = text === 'new' ? text : begun + text;
    if (whole !== 'new') {
      const invite = this.facts.readInvite(whole);
      if ('problem' in invite) return this.unread(whole, invite);
      this.invited = invite.name;
    }
    this.answers.mesh = whole;
    const said = this.invited === '' ? [] : [`An invite for "${this.invited}".`];
    return [...said, ...this.go('mqtt')];
  }

  /** A word that was copied from several rows comes as several lines. */
  private unread(word: string, { problem, cutOff }: { problem: string; cutOff: boolean }) {
    if (cutOff && word.length > INVITE_ROW && word.length < INVITE_MAX) this.begun = word;
    if (this.begun !== '') return ['It is not all there yet: paste the rest, or an empty line.'];
    return [`${sentence(problem)} Or type new, or none.`];
  }

  private mqttChosen(text: string): readonly string[] {
    if (text !== '' && !['own', 'off'].includes(text)) {
      const problem = this.facts.check('mqtt.url', text);
      if (problem !== undefined) return [`It ${problem}; or type own, or off.`];
    }
    this.answers.mqtt = text === '' ? this.answers.mqtt : text;
    this.answers.user = '';
    this.answers.password = '';
    return this.go(text !== '' && hasUrl(text) ? 'user' : 'pin');
  }

  private userNamed(text: string): readonly string[] {
    const problem = text === '' ? undefined : this.facts.check('mqtt.username', text);
    if (problem !== undefined) return [`The user name ${problem}.`];
    this.answers.user = text === 'none' ? '' : text;
    return this.go(this.answers.user === '' ? 'pin' : 'password');
  }

  private pinChosen(text: string): readonly string[] {
    this.answers.pin = '';
    if (text === '' || text === 'none') return this.go('confirm');
    if (text.length < PIN_LEAST || text.length > PIN_MOST)
      return [`A PIN has ${PIN_LEAST} to ${PIN_MOST} characters.`];
    this.answers.pin = text;
    return this.go('again');
  }

  private pinRepeated(text: string): readonly string[] {
    if (text === this.answers.pin) return this.go('confirm');
    this.answers.pin = '';
    this.before.pop();
    this.step = 'pin';
    return ['These were not the same.'];
  }

  private confirmed(text: string): readonly string[] {
    if (text === 'yes') this.end = 'yes';
    else if (text === 'no' || text === '') this.end = 'no';
    else return ['Type yes in full, or no.'];
    return [];
  }

  private go(step: Step): readonly string[] {
    this.before.push(this.step);
    this.step = step;
    return [];
  }

  private back(): readonly string[] {
    const step = this.before.pop();
    if (step === undefined) return ['This is the first question.'];
    this.step = step === 'again' ? 'pin' : step;
    return [];
  }

  private help(): readonly string[] {
    const { networks } = this.facts;
    const known = networks.length > 0 ? [`Here that is ${networks.slice(0, 4).join(', ')}.`] : [];
    return [...HELP[this.step], ...(this.step === 'lan' ? known : []), ...HELP_ALWAYS];
  }

  /** For people: which of how many. */
  get progress(): string {
    const shown: readonly Step[] = ['name', 'lan', 'mesh', 'mqtt', 'pin', 'confirm'];
    const at = STEPS.indexOf(this.step);
    const place = shown.filter((step) => STEPS.indexOf(step) <= at).length;
    return `${place}/${shown.length}`;
  }
}

const TITLES: Readonly<Record<Step, string>> = {
  name: 'What is this node called?',
  lan: 'Who on the local network may find it? members, all, or none',
  mesh: 'Its mesh: paste an invite (kith1...), or type new, or none for later',
  mqtt: 'MQTT broker for dashboards: a URL, own (a small one in this node), or off',
  user: 'User name at the broker',
  password: 'Password at the broker (it is not shown)',
  pin: 'A PIN for this console (it is not shown)',
  again: 'The PIN once more',
  confirm: 'This is going to be done:',
};

const ASKS: Readonly<Record<Step, string>> = {
  name: 'name',
  lan: 'local network',
  mesh: 'mesh',
  mqtt: 'MQTT',
  user: 'user',
  password: 'password',
  pin: 'PIN',
  again: 'PIN again',
  confirm: 'go ahead, yes or no',
};

const HELP: Readonly<Record<Step, readonly string[]>> = {
  name: [
    '1 to 63 lower-case letters, digits and hyphens, such as cabin.',
    'With an invite the node gets the name that the invite was made for.',
  ],
  lan: [
    'members: other nodes of the mesh find this one by multicast DNS.',
    'all: dashboards on the local network may connect to its MQTT broker too.',
    'none: neither.',
  ],
  mesh: [
    'On a node of the mesh `kith invite NAME` prints an invite: paste all of it.',
    'new makes a mesh of your own, with this node as its first member.',
  ],
  mqtt: [
    'A URL such as mqtt://192.168.1.10 or mqtts://broker.example:8883.',
    'own is enough for the dashboard of this node; off switches MQTT off.',
  ],
  user: ['What the broker knows this node as; none where it asks for nothing.'],
  password: ['It is kept in a file of the state folder; none where there is none.'],
  pin: [
    `${PIN_LEAST} to ${PIN_MOST} characters, asked for whenever the console is opened.`,
    'Without one, whoever has the cable is in.',
  ],
  again: ['The same once more, so that a slip does not lock you out.'],
  confirm: ['yes does it; no leaves everything as it was.'],
};

const HELP_ALWAYS = ['Enter takes what stands in brackets, back goes back, Ctrl-C leaves.'];

function hasUrl(mqtt: string): boolean {
  return mqtt !== 'own' && mqtt !== 'off';
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
