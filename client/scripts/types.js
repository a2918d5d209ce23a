/*
 * Writes switchboard.d.ts: the types of the SDK's public modules, in one file that can be served and
 * copied along with switchboard.js. With --check, only compares.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLIENT = join(import.meta.dirname, '..');
const TARGET = join(CLIENT, 'switchboard.d.ts');
const PUBLIC_MODULES = ['room', 'peer', 'publication', 'files', 'media', 'errors'];
/** The SDK makes these: their constructors are its own, and are left out of the types. */
const NOT_YOURS_TO_MAKE = /^(export declare class (?:Peer|Publication|IncomingFile) \{)$/gm;
const HEADER = '// Made from sdk/*.js by `npm run types`.\n\n';

const types = declarations();

if (!process.argv.includes('--check')) {
  writeFileSync(TARGET, types);
} else if (readFileSync(TARGET, 'utf8') !== types) {
  console.error('switchboard.d.ts is out of date: run `npm run types`.');
  process.exit(1);
}

function declarations() {
  const directory = mkdtempSync(join(tmpdir(), 'switchboard-types-'));
  try {
    const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--stripInternal', '--outDir', directory];
    execFileSync(join(CLIENT, 'node_modules/.bin/tsc'), ['--project', CLIENT, ...options], { stdio: 'inherit' });
    const files = PUBLIC_MODULES.map((name) => join(directory, 'sdk', `${name}.d.ts`));
    return HEADER + [...files, join(CLIENT, 'sdk/types.d.ts')].map(textOf).join('\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * One file needs no imports between its parts, and no type twice.
 *
 * @param {string} file
 */
function textOf(file) {
  return readFileSync(file, 'utf8')
    .replace(/^(import .*|\/\*\* @import .*|export \{\};)\n/gm, '')
    .replace(NOT_YOURS_TO_MAKE, '$1\n    private constructor();');
}
