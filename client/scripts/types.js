/*
 * Writes switchboard.d.ts: the types of the SDK's public modules, in one file that can be served and
 * copied along with switchboard.js. With --check, only compares.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { made } from './made.js';

const CLIENT = join(import.meta.dirname, '..');
const PUBLIC_MODULES = ['room', 'peer', 'publication', 'files', 'media', 'errors'];
/** The SDK makes these: their constructors are its own, and are left out of the types. */
const NOT_YOURS_TO_MAKE = /^(export declare class (?:Peer|Publication|IncomingFile) \{)$/gm;
/** It comes with the first file, so there is no class to import. */
const ONLY_A_TYPE = /^export (declare class IncomingFile \{)$/m;
const HEADER = '// Made from sdk/*.js by `npm run types`.\n\n/// <reference lib="dom" />\n\n';

made(join(CLIENT, 'switchboard.d.ts'), declarations(), 'types');

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
    .replace(NOT_YOURS_TO_MAKE, '$1\n    private constructor();')
    .replace(ONLY_A_TYPE, 'export type { IncomingFile };\n$1');
}
