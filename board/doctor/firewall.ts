// Does nftables keep a UDP port closed? Judged from `nft -j list ruleset`, on the safe side: what
// is not understood counts as letting in.

type Rule = Readonly<{ family: string; table: string; chain: string; expr: readonly unknown[] }>;
type Chain = Readonly<{
  family: string;
  table: string;
  name: string;
  hook?: string;
  type?: string;
  policy?: string;
}>;

/** The first input chain that lets no stranger in at this port, as `inet fw4 input`. */
export function firewallVerdict(json: string, port: number): string | undefined {
  const objects = readObjects(json);
  const chains = objects.flatMap(({ chain }) => (isChain(chain) ? [chain] : []));
  const rules = objects.flatMap(({ rule }) => (isRule(rule) ? [rule] : []));
  const closed = chains.find(({ family, table, name, hook, type, policy }) => {
    if (hook !== 'input' || type !== 'filter' || !['inet', 'ip'].includes(family)) return false;
    const own = rules.filter((rule) => rule.family === family && rule.table === table);
    if (own.some((rule) => letsIn(rule, port, rule.chain === name))) return false;
    return policy === 'drop' || endsInDrop(own.filter(({ chain }) => chain === name));
  });
  return closed && `${closed.family} ${closed.table} ${closed.name}`;
}

/** Accepts UDP to this port; or, in the chain itself, whatever has come so far. */
function letsIn({ expr }: Rule, port: number, inChain: boolean): boolean {
  if (!expr.some((part) => 'accept' in asObject(part))) return false;
  const matches = expr.flatMap((part) => ('match' in asObject(part) ? [asObject(part).match] : []));
  if (matches.length === 0) return inChain;
  return matches.some((match) => {
    const { left, right, op } = asObject(match);
    const payload = asObject(asObject(left).payload);
    if (!['udp', 'th'].includes(String(payload.protocol)) || payload.field !== 'dport')
      return false;
    return op !== '!=' && contains(right, port);
  });
}

/** A number, `{set: […]}`, `{range: [a, b]}`; a named set (`@ports`) may hold anything. */
function contains(value: unknown, port: number): boolean {
  if (typeof value === 'number') return value === port;
  if (typeof value === 'string') return value.startsWith('@');
  if (Array.isArray(value)) return value.some((one) => contains(one, port));
  const { set, range } = asObject(value);
  if (Array.isArray(range)) return Number(range[0]) <= port && port <= Number(range[1]);
  return set !== undefined && contains(set, port);
}

/** The last rule drops or refuses all that came so far. */
function endsInDrop(rules: readonly Rule[]): boolean {
  const last = rules.at(-1)?.expr ?? [];
  const conditions = last.some((part) => 'match' in asObject(part));
  return !conditions && last.some((part) => 'drop' in asObject(part) || 'reject' in asObject(part));
}

function readObjects(json: string): Record<string, unknown>[] {
  try {
    const { nftables } = asObject(JSON.parse(json));
    return Array.isArray(nftables) ? nftables.map(asObject) : [];
  } catch {
    return [];
  }
}

function isChain(value: unknown): value is Chain {
  const { family, table, name } = asObject(value);
  return [family, table, name].every((one) => typeof one === 'string');
}

function isRule(value: unknown): value is Rule {
  const { family, table, chain, expr } = asObject(value);
  return [family, table, chain].every((one) => typeof one === 'string') && Array.isArray(expr);
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
