/*
 * Writes docs/sdk-reference.md: what switchboard.d.ts declares, on one page that GitHub shows well. With --check, only compares.
 * TypeDoc has a TypeScript of its own, so it stands apart: `npm ci --prefix client/reference` first.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Application } from 'typedoc';
import { load } from 'typedoc-plugin-markdown';
import { made } from '../scripts/made.js';
import { Theme } from './theme.js';

/** Of code, on GitHub's page. */
const MOST_COLUMNS = 110;
const CLIENT = join(import.meta.dirname, '..');
const ORDER = [
  'Room', 'RoomOptions', 'RoomEvents', 'Peer', 'Publication', 'IncomingFile', 'openCamera()', 'openScreen()', 'SwitchboardError',
  'ErrorCode', 'RoomState', 'StateDetails', 'ReconnectOptions', 'TokenSource', 'PeerStats', 'Json', 'Kind',
];
const INTRODUCTION = `# SDK reference

Every class, option and event of the [SDK](sdk.md), which says how to use them. Made from
[\`switchboard.d.ts\`](../client/switchboard.d.ts) by \`npm run reference\`.
`;

made(join(CLIENT, '../docs/sdk-reference.md'), page(sectionsOf(await markdown())), 'reference');

/** @param {Map<string, string>} sections */
function page(sections) {
  const missing = [...sections.keys()].filter((name) => !ORDER.includes(name));
  if (missing.length > 0) throw new Error(`reference.js does not say where these belong: ${missing.join(', ')}`);
  const names = ORDER.filter((name) => sections.has(name));
  const contents = names.map((name) => `[${name}](#${anchorOf(name)})`).join(' ·\n');
  return `${[INTRODUCTION, `${contents}\n`, ...names.map((name) => `## ${name}\n\n${sections.get(name)}\n`)].join('\n')}`;
}

/**
 * What GitHub makes of a heading.
 *
 * @param {string} heading
 */
function anchorOf(heading) {
  return heading.toLowerCase().replace(/[^\w-]/g, '');
}

/**
 * The text of each second-level heading.
 *
 * @param {string} text
 * @returns {Map<string, string>}
 */
function sectionsOf(text) {
  const [, ...sections] = text.split(/^## /m);
  return new Map(
    sections.map((section) => {
      const [name, ...lines] = section.split('\n');
      return [name, tidy(name, lines.join('\n'))];
    }),
  );
}

/**
 * As few headings as it takes, and types as they were written.
 *
 * @param {string} name
 * @param {string} text
 */
function tidy(name, text) {
  const tidied = text
    .replace(/^\*\*\*$/gm, '')
    .replace(/^### (Constructors|Methods|Properties)\n\n/gm, '')
    .replace(/^#### /gm, '### ')
    .replace(/<a id="[^"]*"><\/a> /g, '')
    .replace(/ - \|/g, ' |')
    .replace(/`string` & \\\{ \\\}/g, '`string`')
    .replace(/(?<=```ts\n)[^`]*(?=\n```)/g, inLines);
  return (name === 'RoomEvents' ? eventsOf(tidied) : tidied).trim();
}

/**
 * On one line, or where that is too long, one for each field, or as many words of a union as fit.
 *
 * @param {string} code
 */
function inLines(code) {
  const line = code
    .replace(/\s+/g, ' ')
    .replace(/; \}/g, ' }')
    .replace(/([(:=]) \| /g, '$1 ')
    .replace(/string & \{ \}/g, 'string')
    .replace(/\( /g, '(')
    .replace(/ \)/g, ')');
  if (line.length <= MOST_COLUMNS) return line;
  if (!line.startsWith('type ')) return line.replace('{ ', '{\n  ').replace(/; /g, ';\n  ').replace(/ \}/, ';\n}');
  return line.replace(/(.{1,90}) \|(?= )/g, '$1\n  |').replace(' = ', ' =\n  | ');
}

/** @param {string} table */
function eventsOf(table) {
  return table.replace('| Property | Type | Description |', '| Event | Arguments | When |').replace(/\((.*)\) => `void`/g, '$1');
}

/** @returns {Promise<string>} */
async function markdown() {
  const directory = mkdtempSync(join(tmpdir(), 'switchboard-reference-'));
  try {
    const files = { types: join(directory, 'switchboard.d.ts'), config: join(directory, 'tsconfig.json') };
    writeFileSync(files.types, withPropertiesForGetters(readFileSync(join(CLIENT, 'switchboard.d.ts'), 'utf8')));
    writeFileSync(files.config, JSON.stringify({ compilerOptions: { lib: ['es2022', 'dom'], types: [], strict: true }, files: [files.types] }));
    const app = await Application.bootstrapWithPlugins(optionsFor(files, directory));
    app.renderer.defineTheme('reference', Theme);
    const project = await app.convert();
    if (!project) throw new Error('TypeDoc could not read switchboard.d.ts');
    await app.generateOutputs(project);
    if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc complains, see above');
    return readFileSync(join(directory, 'pages/README.md'), 'utf8');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * Who reads does not care which it is.
 *
 * @param {string} types
 */
function withPropertiesForGetters(types) {
  return types.replace(/^ {4}get (\w+)\(\): /gm, '    readonly $1: ').replace(/^ *\* @returns \{.*\} *\*\/$/gm, ' */');
}

/**
 * @param {{ types: string, config: string }} files
 * @param {string} basePath
 * @returns {any}
 */
function optionsFor({ types, config }, basePath) {
  return {
    name: 'switchboard',
    plugin: [load],
    theme: 'reference',
    router: 'module',
    logLevel: 'Warn',
    entryPoints: [types],
    tsconfig: config,
    basePath,
    outputs: [{ name: 'markdown', path: join(basePath, 'pages') }],
    readme: 'none',
    sort: ['source-order'],
    disableSources: true,
    excludePrivate: true,
    excludeExternals: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hideGroupHeadings: true,
    expandObjects: true,
    expandParameters: true,
    useCodeBlocks: true,
    classPropertiesFormat: 'table',
    interfacePropertiesFormat: 'table',
    propertyMembersFormat: 'table',
    tableColumnSettings: { hideModifiers: true, hideInherited: true, hideOverrides: true },
  };
}
