// A QR code as one path: dark on light in both themes, as cameras want it, with four light modules
// around.

import { encode } from 'uqr';
import { s } from './elements.js';

export function qr(text: string, label: string): SVGElement {
  const { data, size } = encode(text, { ecc: 'L', border: 4 });
  let d = '';
  for (const [y, row] of data.entries())
    for (const [x, dark] of row.entries()) if (dark) d += `M${x} ${y}h1v1h-1z`;
  const box = { viewBox: `0 0 ${size} ${size}`, class: 'qr', role: 'img', 'aria-label': label };
  const rendering = { 'shape-rendering': 'crispEdges' };
  return s('svg', { ...box, ...rendering }, s('path', { d }));
}
