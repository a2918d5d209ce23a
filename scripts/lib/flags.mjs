// The flags of a script whose heading is its help.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

/**
 * What a script was given, as `parseArgs` has it. --help prints the comment on top of its file; what isn't a flag is told in
 * a line. Either ends the process.
 */
export function parse(file, options, settings = {}) {
  const help = { type: 'boolean', short: 'h', default: false };
  try {
    const given = parseArgs({ ...settings, options: { ...options, help } });
    if (!given.values.help) return given;
  } catch (error) {
    process.stderr.write(`${path.basename(file)}: ${error.message.split('. ')[0]}. See --help.\n`);
    process.exit(2);
  }
  const lines = readFileSync(file, 'utf8').split('\n').slice(1);
  const heading = lines.slice(0, lines.findIndex((line) => !line.startsWith('//')));
  process.stdout.write(heading.map((line) => `${line.replace(/^\/\/ ?/, '')}\n`).join(''));
  process.exit(0);
}
