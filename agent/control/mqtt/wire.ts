// One connection to a broker, whichever broker that is: over the network (dial.ts) or the one in
// this process (broker.ts).

/** A message from the broker. */
export type Message = Readonly<{
  topic: string;
  payload: Uint8Array; // valid until the handler returns
  /** It lay there before we came: said to nobody in particular, maybe long ago. */
  retained: boolean;
  /**
   * Set where it came over a login at this agent itself, such as the dashboard's: an answer that
   * nobody else hears.
   */
  reply?: ((topic: string, payload: string) => void) | undefined;
}>;

export interface Wire {
  /** Resolves when the broker has it; rejects when the connection is gone. */
  publish(topic: string, payload: string | Uint8Array, retain: boolean): Promise<void>;
  subscribe(topics: readonly string[]): Promise<void>;
  unsubscribe(topic: string): Promise<void>;
  /** Says goodbye, so that the last will is not published. */
  close(): Promise<void>;
  readonly protocol: string; // for people: `MQTT 5`
}

export type WireEvents = Readonly<{
  onMessage(message: Message): void;
  /** The connection is gone; said once, and never after `close`. */
  onClosed(reason: string): void;
}>;

export type Will = Readonly<{ topic: string; payload: string }>; // retained

/** Resolves once the broker has accepted us. Rejects with an Error fit for a person. */
export type Dial = (will: Will, events: WireEvents) => Promise<Wire>;
