// Looking into a schema: what lies at a path, which names it knows, what its help says, how a text
// becomes its value. So the schema stays the only list of settings there is.

import type { GenericSchema } from 'valibot';

/** The part of valibot's schemas that is looked at; a pipe spreads the schema it begins with. */
export type Shape = Readonly<{
  type: string;
  entries?: Readonly<Record<string, Shape>>;
  item?: Shape;
  wrapped?: Shape;
  options?: readonly unknown[];
  literal?: unknown;
  default?: unknown;
  pipe?: ReadonlyArray<Readonly<{ type: string; description?: string; metadata?: unknown }>>;
}>;

export function shapeOf(schema: GenericSchema): Shape {
  return schema as unknown as Shape; // valibot types schemas by their values, not by their parts
}

/** What is inside `optional` and `nullable`. */
export function bare(shape: Shape): Shape {
  let inner = shape;
  while (inner.wrapped !== undefined) inner = inner.wrapped;
  return inner;
}

export function mayBeNull(shape: Shape): boolean {
  for (let inner: Shape | undefined = shape; inner; inner = inner.wrapped)
    if (inner.type === 'nullable') return true;
  return false;
}

export function helpOf(shape: Shape): string {
  for (let inner: Shape | undefined = shape; inner; inner = inner.wrapped) {
    const found = inner.pipe?.find((item) => item.type === 'description')?.description;
    if (found !== undefined) return found;
  }
  return '';
}

/** `live` or `restart` where the schema says it at this very place. */
export function applyOf(shape: Shape): 'live' | 'restart' | undefined {
  for (const item of shape.pipe ?? []) {
    const said = item.type === 'metadata' ? item.metadata : undefined;
    if (typeof said !== 'object' || said === null || !('apply' in said)) continue;
    if (said.apply === 'live' || said.apply === 'restart') return said.apply;
  }
  return undefined;
}

/** Marked `privileged` at this very place. */
export function isPrivileged(shape: Shape): boolean {
  return (shape.pipe ?? []).some(({ type, metadata }) => {
    const marks = type === 'metadata' && typeof metadata === 'object' && metadata !== null;
    return marks && 'privileged' in metadata && metadata.privileged === true;
  });
}

/** An object's field by name; undefined where the schema has no such field. */
export function entryOf(shape: Shape, name: string): Shape | undefined {
  const { entries } = bare(shape);
  return entries && Object.hasOwn(entries, name) ? entries[name] : undefined;
}

export function entryNames(shape: Shape): string[] {
  return Object.keys(bare(shape).entries ?? {});
}

/**
 * What a person typed, as the kind of value that the schema wants here. Whether it is a good value
 * is for the validation to say, so what does not read as that kind is handed on as text.
 */
export function readText(shape: Shape, text: string): unknown {
  if (text === 'null' && mayBeNull(shape)) return null;
  const inner = bare(shape);
  switch (inner.type) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'number':
      return readNumber(text);
    case 'literal':
      return readOption([inner.literal], text);
    case 'picklist':
      return readOption(inner.options ?? [], text);
    case 'array':
      return bare(inner.item ?? inner).entries || text.trim().startsWith('[')
        ? readJson(text)
        : readList(inner, text);
    case 'string':
      return text;
    default:
      return readJson(text);
  }
}

function readNumber(text: string): unknown {
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}

function readOption(options: readonly unknown[], text: string): unknown {
  return options.find((option) => String(option) === text) ?? text;
}

/** `a,b` for a list of simple things. */
function readList(list: Shape, text: string): unknown {
  const { item } = list;
  if (!item) return text;
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '').map((part) => readText(item, part));
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
