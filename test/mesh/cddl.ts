// The part of CDDL (RFC 8610) that the project's schemas use, as a validator: rules, maps with
// integer keys, arrays, choices, ranges, `.size`, `.regexp`, occurrences, groups. It knows nothing
// of the code it judges. What it cannot read is an error, so that a schema never passes unread.

type Check = (value: unknown) => boolean;
/** An entry of a map or an array; `group`: the entries of that group in its place. */
type Member = { key: Check; type: Check; min: number; max: number; group?: string };

const TOKENS = [
  /\d+\*\d+|[*?](?=\s)/, // occurrences
  /\d+(?:\.\.\d+)?|"[^"]*"/, // values
  /\.size|\.regexp|[a-z][a-z0-9-]*/,
  /=>|[=/:,[\](){}]/,
];
const TOKEN = new RegExp(`\\s+|(${TOKENS.map(({ source }) => source).join('|')})`, 'y');

/** A checker for the rule `start` of a schema. Values as the strict decoder gives them. */
export function schema(text: string): (rule: string) => Check {
  const reader = new Reader(tokens(text));
  const rules = reader.rules();
  return (rule) => {
    const check = rules.get(rule);
    if (check === undefined) throw new Error(`no rule ${rule}`);
    return check;
  };
}

/** The names on the left, in order. */
export function ruleNames(text: string): string[] {
  return [...text.matchAll(/^([a-z][a-z0-9-]*)\s*=[^>]/gm)].map((match) => match[1]!);
}

function tokens(text: string): string[] {
  const found: string[] = [];
  let at = 0;
  const bare = text.replace(/;[^\n]*/g, '');
  while (at < bare.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(bare);
    if (match === null) throw new Error(`not read: ${bare.slice(at, at + 30)}`);
    if (match[1] !== undefined) found.push(match[1]);
    at = TOKEN.lastIndex;
  }
  return found;
}

class Reader {
  private at = 0;
  private readonly types = new Map<string, Check>();
  private readonly groups = new Map<string, Member[]>();

  constructor(private readonly tokens: string[]) {}

  rules(): Map<string, Check> {
    while (this.at < this.tokens.length) {
      const name = this.next();
      this.expect('=');
      if (this.peek() === '(') this.groups.set(name, this.group());
      else this.types.set(name, this.type());
    }
    return this.types;
  }

  private group(): Member[] {
    this.expect('(');
    return this.members(')');
  }

  private type(): Check {
    const choices = [this.one()];
    while (this.peek() === '/') {
      this.next();
      choices.push(this.one());
    }
    return (value) => choices.some((check) => check(value));
  }

  private one(): Check {
    const token = this.next();
    if (token === '{') return this.map(this.members('}'));
    if (token === '[') return this.array(this.members(']'));
    if (/^\d/.test(token)) return inRange(token);
    if (token === 'bstr') return this.bytes();
    if (token === 'tstr') return this.text();
    if (token === 'uint') return inRange(`0..${Number.MAX_SAFE_INTEGER}`);
    if (token === 'bool') return (value) => typeof value === 'boolean';
    if (token === 'any') return () => true;
    return (value) => {
      const check = this.types.get(token);
      if (check === undefined) throw new Error(`no rule ${token}`);
      return check(value);
    };
  }

  private bytes(): Check {
    const size = this.control('.size');
    const fits = size === undefined ? () => true : inRange(size);
    return (value) => value instanceof Uint8Array && fits(value.length);
  }

  private text(): Check {
    const quoted = this.control('.regexp');
    const pattern = new RegExp(quoted === undefined ? '.*' : `^(?:${quoted.slice(1, -1)})$`, 's');
    return (value) => typeof value === 'string' && pattern.test(value);
  }

  private control(name: string): string | undefined {
    if (this.peek() !== name) return undefined;
    this.next();
    const bracket = this.peek() === '(';
    if (bracket) this.next();
    const value = this.next();
    if (bracket) this.expect(')');
    return value;
  }

  /** Up to the closing bracket. In a map or a group a bare name is that of a group. */
  private members(close: string): Member[] {
    const found: Member[] = [];
    while (this.peek() !== close) {
      const [min, max] = this.occurrence();
      const isGroup = close !== ']' && /^[,})]$/.test(this.tokens[this.at + 1] ?? '');
      if (isGroup) found.push({ key: never, type: never, min, max, group: this.next() });
      else found.push(this.member(min, max));
      if (this.peek() === ',') this.next();
    }
    this.expect(close);
    return found;
  }

  private member(min: number, max: number): Member {
    const first = this.type();
    const sign = this.peek();
    if (sign !== ':' && sign !== '=>') return { key: () => true, type: first, min, max };
    this.next();
    return { key: first, type: this.type(), min, max };
  }

  private occurrence(): [number, number] {
    const token = this.peek() ?? '';
    if (token === '?') return [this.skip(0), 1];
    if (token === '*') return [this.skip(0), Number.POSITIVE_INFINITY];
    const bounds = /^(\d+)\*(\d+)$/.exec(token);
    return bounds ? [this.skip(Number(bounds[1])), Number(bounds[2])] : [1, 1];
  }

  private skip(min: number): number {
    this.next();
    return min;
  }

  private flat(members: Member[]): Member[] {
    return members.flatMap((member) => {
      if (member.group === undefined) return [member];
      const inner = this.groups.get(member.group);
      if (inner === undefined) throw new Error(`no group ${member.group}`);
      return inner;
    });
  }

  /** Each entry belongs to the first member whose key it has, and to no other. */
  private map(members: Member[]): Check {
    return (value) => {
      if (!(value instanceof Map)) return false;
      const all = this.flat(members);
      const counts = all.map(() => 0);
      for (const [key, content] of value) {
        const which = all.findIndex((member) => member.key(key));
        if (which < 0 || !all[which]!.type(content)) return false;
        counts[which]!++;
      }
      return all.every(({ min, max }, i) => counts[i]! >= min && counts[i]! <= max);
    };
  }

  /** Only the last member of an array may occur a varying number of times. */
  private array(members: Member[]): Check {
    return (value) => {
      if (!Array.isArray(value)) return false;
      const all = this.flat(members);
      const last = all.at(-1);
      const fixed = last !== undefined && last.min !== last.max ? all.slice(0, -1) : all;
      const rest = value.slice(fixed.length);
      if (value.length < fixed.length || !fixed.every(({ type }, i) => type(value[i])))
        return false;
      if (last === undefined || fixed.length === all.length) return rest.length === 0;
      return rest.length >= last.min && rest.length <= last.max && rest.every(last.type);
    };
  }

  private peek(): string | undefined {
    return this.tokens[this.at];
  }

  private next(): string {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new Error('the schema ends too early');
    return token;
  }

  private expect(token: string): void {
    const found = this.next();
    if (found !== token) throw new Error(`${found} where ${token} should be`);
  }
}

const never: Check = () => false;

/** `3`, or `1..4` with both ends included. */
function inRange(text: string): Check {
  const [low, high = low] = text.split('..').map(Number) as [number, number?];
  return (value) => typeof value === 'number' && value >= low && value <= high!;
}
