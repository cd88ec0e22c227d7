// dist/kith.js is the entry; the worker and what is loaded lazily are chunks beside it, and so is
// dataplane.wasm, compiled from AssemblyScript. Packages with native parts stay outside. dist/page/
// is what the dashboard serves.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { transform } from 'esbuild';
import esbuild from 'rollup-plugin-esbuild';

const ASSEMBLYSCRIPT = createRequire(import.meta.url).resolve('assemblyscript/bin/asc.js');
const PAGES = '128'; // of 64 KiB: 8 MiB, never more

// with native parts, or loaded by few
const OUTSIDE = ['koffi', 'serialport', 'mqtt', 'mqtt-packet', 'aedes', 'ws', 'multicast-dns'];

const wasm = {
  name: 'assemblyscript',
  buildStart() {
    mkdirSync('dist', { recursive: true });
    const options = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];
    options.push('--importMemory', '--initialMemory', PAGES, '--maximumMemory', PAGES);
    options.push('--memoryBase', '1024', '--outFile', 'dist/dataplane.wasm');
    execFileSync(process.execPath, [ASSEMBLYSCRIPT, 'agent/dataplane/simd/main.ts', ...options], {
      stdio: 'inherit',
    });
  },
};

const executable = {
  name: 'executable',
  writeBundle() {
    chmodSync('dist/kith.js', 0o755);
  },
};

// A package's own comments about its own tree shaking are nothing its users could act on.
const onLog = (level, log, show) => {
  if (log.code !== 'INVALID_ANNOTATION' || !/node_modules/.test(log.id ?? '')) show(level, log);
};

const agent = {
  onLog,
  input: { kith: 'agent/main.ts', worker: 'agent/dataplane/worker.ts' },
  output: {
    dir: 'dist',
    format: 'es',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunk-[name].js',
    banner: (chunk) => (chunk.name === 'kith' ? '#!/usr/bin/env node' : ''),
  },
  external: [/^node:/, ...OUTSIDE],
  plugins: [
    wasm,
    executable,
    nodeResolve({ preferBuiltins: true }),
    // Comments and white space would lie in a router's memory as long as the agent runs.
    esbuild({ target: 'node20', minifyWhitespace: true }),
  ],
};

// The dashboard's page lies beside the program, each file plain and compressed.
const PAGE = 'agent/dashboard/page';
const pageFiles = {
  name: 'page-files',
  async writeBundle() {
    const css = readFileSync(`${PAGE}/page.css`, 'utf8');
    writeFileSync(
      'dist/page/page.css',
      (await transform(css, { loader: 'css', minify: true })).code,
    );
    for (const name of ['page.html', 'icon.svg'])
      copyFileSync(`${PAGE}/${name}`, `dist/page/${name}`);
    for (const name of ['page.html', 'page.css', 'page.js', 'icon.svg'])
      writeFileSync(
        `dist/page/${name}.gz`,
        gzipSync(readFileSync(`dist/page/${name}`), { level: 9 }),
      );
  },
};

const page = {
  onLog,
  input: { page: `${PAGE}/main.ts` },
  output: { dir: 'dist/page', format: 'es', entryFileNames: '[name].js' },
  plugins: [nodeResolve({ browser: true }), pageFiles, esbuild({ target: 'es2022', minify: true })],
};

export default [agent, page];
