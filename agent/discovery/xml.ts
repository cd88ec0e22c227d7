// As much of XML as routers' UPnP answers need: elements, their text, nothing else. Attributes are
// passed over, document types and entities of one's own are refused (they are how a small text
// becomes a big one), and every measure has a bound.

/** `name` is without its namespace prefix; `text` is what stands directly in the element. */
export type Element = Readonly<{ name: string; text: string; children: readonly Element[] }>;

const CHARACTERS_MAX = 65_536; // descriptions of real routers have 3,000 to 30,000
const DEPTH_MAX = 24; // root, device, device list, device... real ones stay below 12
const ELEMENTS_MAX = 2_000; // real ones have some 200

type Open = { name: string; full: string; text: string; children: Element[] };

/** Where a piece of markup ends, and what begins it. */
const PASSED_OVER = [
  ['<!--', '-->'],
  ['<?', '?>'],
] as const;

/** The root element; undefined: not well-formed, or more than any router has to say. */
export function parseXml(xml: string): Element | undefined {
  if (xml.length > CHARACTERS_MAX) return undefined;
  const document: Open = { name: '', full: '', text: '', children: [] };
  const open: Open[] = [document];
  let elements = 0;
  let at = 0;
  while (at < xml.length) {
    const inner = open.at(-1) ?? document;
    const next = xml.indexOf('<', at);
    inner.text += xml.slice(at, next < 0 ? undefined : next);
    if (next < 0) break;
    const end = afterMarkup(xml, next);
    if (end === undefined) return undefined;
    at = end;
    const tag = xml.slice(next, end);
    if (PASSED_OVER.some(([start]) => tag.startsWith(start))) continue;
    const parts = /^<(\/?)((?:[\w.-]+:)?([A-Za-z_][\w.-]*))(?=[\s/>])/.exec(tag);
    if (!parts) return undefined; // `<!DOCTYPE` and `<![CDATA[` among others
    const [, slash, full = '', name = ''] = parts;
    if (slash === '/') {
      if (open.length === 1 || inner.full !== full || tag.slice(2 + full.length).trim() !== '>')
        return undefined;
      open.pop();
      continue;
    }
    if (++elements > ELEMENTS_MAX || open.length > DEPTH_MAX) return undefined;
    const element: Open = { name, full, text: '', children: [] };
    inner.children.push(element);
    if (!tag.endsWith('/>')) open.push(element);
  }
  const [root, ...others] = document.children;
  if (open.length > 1 || others.length > 0) return undefined;
  return document.text.trim() === '' ? root : undefined;
}

/** The place after the `>` of the markup that begins at `start`; quoted ones do not end it. */
function afterMarkup(xml: string, start: number): number | undefined {
  for (const [begin, end] of PASSED_OVER) {
    if (!xml.startsWith(begin, start)) continue;
    const at = xml.indexOf(end, start + begin.length);
    return at < 0 ? undefined : at + end.length;
  }
  let quote = '';
  for (let at = start + 1; at < xml.length; at++) {
    const character = xml.charAt(at);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '<') return undefined;
    else if (character === '>') return at + 1;
  }
  return undefined;
}

/** The elements of this name, the element itself and all below it, in the document's order. */
export function elementsOf(element: Element, name: string): Element[] {
  const below = element.children.flatMap((child) => elementsOf(child, name));
  return element.name === name ? [element, ...below] : below;
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** Text of the first element of this name; undefined: none, or with an entity of its own. */
export function textOf(element: Element, name: string): string | undefined {
  const text = elementsOf(element, name)[0]?.text.trim();
  if (text === undefined) return undefined;
  const whole = text.replace(/&(amp|lt|gt|quot|apos);/g, '');
  if (whole.includes('&')) return undefined;
  return text.replace(/&(\w+);/g, (all, entity: string) => ENTITIES.get(entity) ?? all);
}
