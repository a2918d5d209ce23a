/*
 * Writes demo/vendor/: what the demo room uses of other people's libraries, served along with it. With --check, only compares.
 */
import { buildSync } from 'esbuild';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { made } from './made.js';

const CLIENT = join(import.meta.dirname, '..');
const LIBRARY = join(CLIENT, 'node_modules/uqr');
const TARGET = join(CLIENT, 'demo/vendor/uqr.js');

const { version, homepage } = JSON.parse(readFileSync(join(LIBRARY, 'package.json'), 'utf8'));
const licence = readFileSync(join(LIBRARY, 'LICENSE'), 'utf8').trim().replace(/^(?=.)/gm, ' * ').replace(/^$/gm, ' *');
const banner = `/*\n * encode() of uqr ${version}, ${homepage}. Made by \`npm run vendor\`.\n *\n${licence}\n */\n// @ts-nocheck`;
const bundle = buildSync({
  stdin: { contents: "export { encode } from 'uqr';", resolveDir: CLIENT },
  bundle: true,
  format: 'esm',
  write: false,
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: banner },
}).outputFiles[0].text;

made(TARGET, bundle, 'vendor');
