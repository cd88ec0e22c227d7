// A line chart over the last minutes, in SVG.

import { s } from './elements.js';
import { HISTORY_MAX } from './model.js';

export type Line = Readonly<{
  name: string;
  values: readonly (number | undefined)[]; // oldest first, the newest at the right edge
}>;

export const LINES_MAX = 6; // so many colours can be told apart

const WIDTH = 600;
const HEIGHT = 180;
const LEFT = 104; // room for `500 Mbit/s` in the letters of a phone
const TOP = 10;
const BOTTOM = 22;

/** `label` is what a screen reader says; `unit` formats the scale. */
export function chart(label: string, lines: readonly Line[], unit: (value: number) => string) {
  const most = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const top = niceAbove(most);
  const x = (index: number, length: number) =>
    LEFT + ((HISTORY_MAX - length + index) / (HISTORY_MAX - 1)) * (WIDTH - LEFT - 4);
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const marks = [0, 0.5, 1].flatMap((part) => [
    s('line', { class: 'grid', x1: LEFT, x2: WIDTH - 4, y1: y(part * top), y2: y(part * top) }),
    s('text', { x: LEFT - 8, y: y(part * top) + 4, 'text-anchor': 'end' }, short(unit(part * top))),
  ]);
  const times = [
    s('text', { x: LEFT, y: HEIGHT - 4 }, '5 min ago'),
    s('text', { x: WIDTH - 4, y: HEIGHT - 4, 'text-anchor': 'end' }, 'now'),
  ];
  const paths = lines.slice(0, LINES_MAX).map(({ values }, color) => {
    let d = '';
    let drawing = false;
    for (const [index, value] of values.entries()) {
      if (value !== undefined)
        d += `${drawing ? 'L' : 'M'}${x(index, values.length).toFixed(1)} ${y(value).toFixed(1)}`;
      drawing = value !== undefined;
    }
    return s('path', { class: `line c${color}`, d });
  });
  const box = {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: 'chart',
    role: 'img',
    'aria-label': label,
  };
  return s('svg', box, ...marks, ...times, ...paths);
}

/** `20 Mbit/s` of `20.0 Mbit/s`. */
function short(text: string): string {
  return text.replace('.0 ', ' ');
}

/** 1, 2 or 5 times a power of ten. */
function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
