// What is to be published, while the broker takes its time or is away. Bounded: of a state only the
// newest value is kept, and of answers so many.

export const STATES_MAX = 256; // topics: a few of the node, one per shown peer, discovery
export const ANSWERS_MAX = 4_096; // while the broker takes its time, or is away for a little
export const ANSWERS_BYTES_MAX = 2 * 1024 * 1024;

export type Payload = string | Uint8Array;

export type Letter = Readonly<{
  topic: string;
  payload: Payload;
  retain: boolean;
  /** Told once the broker has it. */
  delivered?: (() => void) | undefined;
}>;

export class Outbox {
  /** Answers that nobody could take, and states beyond the limit. */
  dropped = 0;
  /** What should lie on the broker. An empty text removes it there. */
  private readonly states = new Map<string, Payload>();
  private readonly stale = new Set<string>(); // topics whose newest state is not on the broker
  private readonly answers: Letter[] = [];
  private answerBytes = 0;

  /** False where nothing changed, or there is no room. */
  state(topic: string, payload: Payload): boolean {
    if (this.states.get(topic) === payload) return false;
    if (!this.states.has(topic) && this.states.size >= STATES_MAX) {
      this.dropped++;
      return false;
    }
    this.states.set(topic, payload);
    this.stale.add(topic);
    return true;
  }

  answer(letter: Letter): boolean {
    const bytes = this.answerBytes + letter.payload.length;
    if (this.answers.length >= ANSWERS_MAX || bytes > ANSWERS_BYTES_MAX) {
      this.dropped++;
      return false;
    }
    this.answers.push(letter);
    this.answerBytes = bytes;
    return true;
  }

  /** Another connection: the broker may have forgotten everything. */
  renew(): void {
    for (const topic of this.states.keys()) this.stale.add(topic);
  }

  /** The next to go; answers first, because somebody waits for them. */
  take(): Letter | undefined {
    const answer = this.answers.shift();
    if (answer) {
      this.answerBytes -= answer.payload.length;
      return answer;
    }
    const [topic] = this.stale;
    if (topic === undefined) return undefined;
    this.stale.delete(topic);
    const payload = this.states.get(topic) ?? '';
    if (payload.length === 0) this.states.delete(topic); // taken away: no state any more
    return { topic, payload, retain: true };
  }

  /** It did not arrive. */
  putBack(letter: Letter): void {
    if (!letter.retain) {
      this.answers.unshift(letter);
      this.answerBytes += letter.payload.length;
      return;
    }
    // A newer one may have come meanwhile.
    if (!this.states.has(letter.topic)) this.states.set(letter.topic, letter.payload);
    this.stale.add(letter.topic);
  }

  topics(): string[] {
    return [...this.states.keys()];
  }

  get waiting(): number {
    return this.answers.length + this.stale.size;
  }
}
