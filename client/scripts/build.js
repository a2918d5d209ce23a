/*
 * Writes the SDK for pages without a build step: as a module, switchboard.min.js with switchboard-files.min.js, which it loads
 * with the first peer, and in one file for a script tag, switchboard.iife.js. With --check, only compares, and sees that what a
 * page needs for a call is as small as promised.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { rollup } from 'rollup';
import { minify } from 'terser';
import { made } from './made.js';

const CLIENT = join(import.meta.dirname, '..');
const MOST_BYTES = 10_000;
const { version } = JSON.parse(readFileSync(join(CLIENT, 'package.json'), 'utf8'));
const BANNER = `/*! Switchboard ${version} (c) The Switchboard developers, MIT */\n`;

/**
 * What gzip takes more for than it looks, found by trying each of terser's options. Before it, esbuild gives private names that are
 * short in each class. Each alone leaves 300 bytes more.
 */
const COMPRESS = { ecma: 2022, hoist_funs: true, keep_fargs: false, lhs_constants: false, sequences: false };

const files = {
  ...(await filesOf({ format: 'es', entryFileNames: 'switchboard.min.js', chunkFileNames: 'switchboard-files.min.js' })),
  ...(await filesOf({ format: 'iife', name: 'Switchboard', entryFileNames: 'switchboard.iife.js', inlineDynamicImports: true })),
};

for (const [name, code] of Object.entries(files)) {
  made(join(CLIENT, name), code, 'build');
  console.log(`${name}: ${bytesOf(code)} bytes, gzipped`);
}
if (bytesOf(files['switchboard.min.js']) > MOST_BYTES) {
  console.error(`switchboard.min.js may take ${MOST_BYTES}.`);
  process.exitCode = 1;
}

/**
 * @param {import('rollup').OutputOptions} options
 * @returns {Promise<Record<string, string>>} code by file name
 */
async function filesOf(options) {
  const bundle = await rollup({ input: join(CLIENT, 'switchboard.js'), preserveEntrySignatures: 'allow-extension' });
  const { output } = await bundle.generate(options);
  const isModule = options.format === 'es';
  return Object.fromEntries(await Promise.all(output.map(async (file) => [file.fileName, await small(file, isModule)])));
}

/**
 * @param {any} chunk
 * @param {boolean} module
 */
async function small({ code }, module) {
  const named = await transform(code, { minify: true, format: module ? 'esm' : undefined, target: 'es2022', legalComments: 'none' });
  const minified = await minify(named.code, { module, compress: { ...COMPRESS } });
  return `${BANNER}${minified.code}\n`;
}

/** @param {string} code */
function bytesOf(code) {
  return execFileSync('gzip', ['-9'], { input: code }).length;
}
