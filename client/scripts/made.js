import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * Writes a file that is made from others. With --check, only sees whether it is what would be written.
 *
 * @param {string} file
 * @param {string} text
 * @param {string} script writes it
 */
export function made(file, text, script) {
  if (!process.argv.includes('--check')) return writeFileSync(file, text);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  console.error(`${relative(process.cwd(), file)} is out of date: run \`npm run ${script}\`.`);
  process.exitCode = 1;
}
