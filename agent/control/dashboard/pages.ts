// The files of the page, as the build left them beside the program: each plain and compressed.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export const BUILT = new URL('./page/', import.meta.url); // from where the bundle lies

const FILES: Readonly<Record<string, Readonly<{ name: string; type: string }>>> = {
  '/': { name: 'page.html', type: 'text/html; charset=utf-8' },
  '/page.js': { name: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/icon.svg': { name: 'icon.svg', type: 'image/svg+xml' },
};

export type PageFile = Readonly<{
  content: Uint8Array;
  headers: Readonly<Record<string, string>> & Readonly<{ ETag: string }>;
}>;

/** Undefined where there is no such file. Nothing is kept in memory: it is asked for seldom. */
export async function pageFile(
  path: string,
  gzip: boolean,
  folder: URL,
): Promise<PageFile | undefined> {
  const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined;
  if (!file) return undefined;
  const content = await readFile(new URL(gzip ? `${file.name}.gz` : file.name, folder));
  const ETag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
  const headers = {
    'Content-Type': file.type,
    'Cache-Control': 'no-cache', // asked for each time, sent when it has changed
    Vary: 'Accept-Encoding',
    ETag,
    ...(gzip && { 'Content-Encoding': 'gzip' }),
  };
  return { content, headers };
}

export function acceptsGzip(accepted: string | string[] | undefined): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(accepted ?? ''));
}
