// Requests from the broker, answered one after the other. What is wrong is answered at once, what
// is too much is counted; nothing of it is kept.

import { decodeKey } from '../../bytes/base64.js';
import type { Command } from '../../commands/command.js';
import type { Context } from '../../commands/context.js';
import { Failure } from '../../commands/failure.js';
import { patchedConfig } from '../../config/patch.js';
import type { Config } from '../../config/schema.js';
import type { AfarChanges } from './afar.js';
import { type Standing, whyNot } from './permission.js';
import { type Answer, type Request, readRequest, refusal } from './request.js';
import { sealedTo } from './seal.js';
import type { SignedRequests } from './signed.js';
import type { Asked, Topics } from './topics.js';
import type { Message } from './wire.js';

export type RequestsOptions = Readonly<{
  topics: Topics;
  signed: SignedRequests;
  commands: readonly Command[];
  config(): Config['mqtt'];
  afar: AfarChanges;
  context(note: (line: string) => void): Context;
  /** Arguments are checked there; throws Failure. */
  run(command: Command, given: unknown, context: Context): Promise<unknown>;
  /** False where there is no room. */
  publish(topic: string, payload: string): boolean;
  /** What became of a change that was pending; by then the connection may be another. */
  publishEnd(answer: Answer): void;
  wall(): number; // Unix seconds
  log(level: 'error' | 'info' | 'verbose', line: string): void;
}>;

/** Where an answer goes. */
type Asker = Readonly<{
  asked: Asked;
  wanted?: string | undefined;
  reply: Message['reply'];
}>;

const WAITING_MAX = 32; // each holds at most one payload
const ANSWER_BYTES_MAX = 512 * 1024; // larger than any result but the configuration of a giant
/** To a page that logged in here, which shows 10,000 peers: they are 5 MiB. */
const REPLY_BYTES_MAX = 8 * 1024 * 1024;

export class Requests {
  readonly counts = { answered: 0, unanswered: 0, retained: 0, busy: 0 };
  private waiting = 0;
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly options: RequestsOptions) {}

  take(message: Message): void {
    const asked = this.options.topics.read(message.topic);
    if (!asked) return;
    if (message.retained) {
      this.counts.retained++; // it would be done again at each connection
      return;
    }
    const read = readRequest(asked.kind, message.payload);
    const { reply } = message;
    if ('problem' in read) {
      this.reply({ asked, reply }, refusal(read.id, read.problem));
      return;
    }
    const asker = { asked, reply, wanted: read.request.answer };
    if (this.waiting >= WAITING_MAX) {
      this.counts.busy++;
      this.reply(asker, refusal(read.request.id, 'too many requests at once'));
      return;
    }
    this.waiting++;
    const work = this.work.then(() => this.perform(asker, read.request));
    this.work = work.finally(() => this.waiting--);
  }

  /** Resolves when everything that was asked so far is answered. */
  async settled(): Promise<void> {
    await this.work;
  }

  private async perform(asker: Asker, request: Request): Promise<void> {
    const { asked } = asker;
    let answer: Answer;
    try {
      const { standing, ...said } = this.judge(asked, request, asker.reply !== undefined);
      answer =
        asked.kind === 'command'
          ? await this.command(asked.name, { ...request, ...said }, standing)
          : await this.change({ ...request, ...said }, standing);
    } catch (error) {
      if (error instanceof Failure) answer = refusal(request.id, error.message, error.problems);
      else {
        const said = error instanceof Error ? error.stack : String(error);
        this.options.log('error', `MQTT request: ${said}`);
        answer = refusal(request.id, 'failed: see the log of the agent');
      }
    }
    this.reply(asker, answer);
  }

  /** Whose word it is. A signature that is not good is never taken for none. */
  private judge(
    asked: Asked,
    { signed, body, sealTo }: Request,
    trusted: boolean,
  ): { standing: Standing; body: unknown; sealTo: string | undefined } {
    if (!signed) return { standing: trusted ? 'trusted' : 'anybody', body, sealTo };
    const to = asked.kind === 'command' ? `command/${asked.name}` : 'config/set';
    const accepted = this.options.signed.accept(signed, to, this.options.wall());
    if ('refused' in accepted)
      throw new Failure(`the signature does not count: ${accepted.refused}`);
    this.options.log('info', `MQTT: ${to}, signed by ${accepted.admin}`);
    return { standing: 'signed', body: accepted.body ?? {}, sealTo: accepted.sealTo };
  }

  private async command(
    topicName: string,
    { id, body, sealTo }: Request,
    standing: Standing,
  ): Promise<Answer> {
    const { commands, run } = this.options;
    const command = commands.find(({ name }) => name.replaceAll(' ', '-') === topicName);
    if (!command) throw new Failure(`there is no command "${topicName.slice(0, 64)}"`);
    const refused = whyNot(command, this.options.config(), standing);
    if (refused !== undefined) throw new Failure(refused);
    const secret = command.permission === 'secret' && standing !== 'trusted';
    if (secret && (sealTo === undefined || !decodeKey(sealTo)))
      throw new Failure(
        `the result of "${command.name}" is secret: "sealTo" must be a public key, X25519`,
      );
    const notes: string[] = [];
    const context = this.options.context((line) => notes.push(line));
    const store = this.options.afar.store(context.store, standing, this.teller(id));
    const changes = this.options.afar.pendingChanges(standing);
    const result = await run(command, body, { ...context, store, changes });
    const answer: Answer = { id, ok: true, command: command.name, notes };
    if (!secret || sealTo === undefined) return { ...answer, result: result ?? null };
    const plain = new TextEncoder().encode(JSON.stringify(result ?? null));
    const sealed = sealedTo(sealTo, plain, context.random);
    plain.fill(0);
    return sealed === undefined
      ? refusal(id, 'done, but "sealTo" is no key')
      : { ...answer, sealed };
  }

  private async change({ id, body, confirm }: Request, standing: Standing): Promise<Answer> {
    const { store } = this.options.context(() => {});
    const change = (before: Config): Config => {
      const changed = patchedConfig(before, body);
      if ('config' in changed) return changed.config;
      throw new Failure('nothing was changed:', changed.problems);
    };
    const tell = this.teller(id);
    const outcome = await this.options.afar.update(store, change, standing, confirm, tell);
    const { restart, pending } = outcome;
    return { id, ok: true, restart, ...(pending !== undefined && { pending }) };
  }

  private teller(id: Answer['id']): (kept: boolean) => void {
    return (kept) =>
      this.options.publishEnd(
        kept
          ? { id, ok: true, pending: 0 }
          : refusal(id, 'taken back: it was not confirmed in time, or the broker was out of reach'),
      );
  }

  private reply({ asked, reply, wanted }: Asker, answer: Answer): void {
    const { topics } = this.options;
    const own = asked.kind === 'command' ? topics.commandResult : topics.configResult;
    let topic = own;
    let said = answer;
    if (wanted !== undefined) {
      if (topics.mayAnswer(wanted, this.options.config().discoveryPrefix)) topic = wanted;
      else said = { ...answer, notes: [...(answer.notes ?? []), `answer: must not be ${wanted}`] };
    }
    let text = JSON.stringify(said);
    if (text.length > (reply ? REPLY_BYTES_MAX : ANSWER_BYTES_MAX))
      text = JSON.stringify(refusal(answer.id, 'done, but the result is too large for MQTT'));
    if (reply) reply(topic, text);
    if (reply || this.options.publish(topic, text)) this.counts.answered++;
    else this.counts.unanswered++;
  }
}
