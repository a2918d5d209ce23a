// The package as npm gets it: what is in it, and that it works where it is installed.
//
//   npm ci --prefix client && node --test tests/package/

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLIENT = fileURLToPath(new URL('../../client/', import.meta.url));

/** An empty project, and then one with the package and nothing else. */
const project = mkdtempSync(join(tmpdir(), 'switchboard-package-'));
let packed;

before(() => {
  const [told] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', project], CLIENT));
  packed = told;
  write('package.json', '{ "private": true, "type": "module" }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${packed.filename}`]);
});

after(() => rmSync(project, { recursive: true }));

function run(command, args, cwd = project) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function write(name, text) {
  writeFileSync(join(project, name), text);
}

/** What a script of the project prints. */
function printed(script) {
  return run(process.execPath, ['--input-type=module', '--eval', script]);
}

test('the package holds the SDK, and nothing else', () => {
  const modules = readdirSync(join(CLIENT, 'sdk')).filter((name) => name.endsWith('.js'));
  const expected = [
    'LICENSE', 'README.md', 'package.json', 'switchboard.d.ts', 'switchboard.iife.js', 'switchboard.js', 'switchboard.min.js',
    'switchboard-files.min.js',
    ...modules.map((name) => `sdk/${name}`),
  ];
  assert.deepEqual(packed.files.map(({ path }) => path).sort(), expected.sort());
  assert.deepEqual(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')), ['switchboard-client']);
});

test('it has the licence of the project', () => {
  const licence = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8');
  assert.equal(readFileSync(join(project, 'node_modules/switchboard-client/LICENSE'), 'utf8'), licence);
});

test('importing it in Node does nothing, and a room can be made', () => {
  const script = `
    const before = Object.getOwnPropertyNames(globalThis).length;
    const sdk = await import('switchboard-client');
    const room = new sdk.Room({ room: 'kitchen' });
    const resources = process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name));
    console.log(JSON.stringify([Object.keys(sdk).sort(), room.state, Object.getOwnPropertyNames(globalThis).length - before, resources]));
  `;
  const names = ['Peer', 'Publication', 'Room', 'SwitchboardError', 'openCamera', 'openScreen'];
  assert.deepEqual(JSON.parse(printed(script)), [names, 'idle', 0, []]);
});

test('one file for a module or a script tag has the same as the modules', () => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { runInThisContext } from 'node:vm';
    const folder = './node_modules/switchboard-client/';
    const modules = await import('switchboard-client');
    const module = await import(folder + 'switchboard.min.js');
    runInThisContext(readFileSync(folder + 'switchboard.iife.js', 'utf8'));
    const names = (sdk) => Object.keys(sdk).filter((name) => name.length > 1).sort().join(); // one letter: for switchboard-files.min.js
    for (const sdk of [modules, module, Switchboard]) console.log(names(sdk), new sdk.Room({ room: 'kitchen' }).state);
  `;
  const [expected, ...others] = printed(script).trim().split('\n');
  assert.deepEqual(others, [expected, expected]);
});

for (const name of ['switchboard.min.js', 'switchboard-files.min.js', 'switchboard.iife.js']) {
  test(`${name} says whose it is`, () => {
    const { version } = JSON.parse(readFileSync(join(CLIENT, 'package.json'), 'utf8'));
    const [banner] = readFileSync(join(project, 'node_modules/switchboard-client', name), 'utf8').split('\n');
    assert.equal(banner, `/*! Switchboard ${version} (c) The Switchboard developers, MIT */`);
  });
}

/** A program that uses most of the types. */
const CONSUMER = `
  import { openCamera, Room, SwitchboardError, type Json, type Peer, type RoomOptions } from 'switchboard-client';

  class Socket {
    constructor(readonly url: string, readonly protocol: string) {}
  }
  const options: RoomOptions = { room: 'kitchen', info: { name: 'Ada' }, WebSocket: Socket, RTCPeerConnection: null };
  const room = new Room(options);
  const stop: () => void = room.on('message', (peer: Peer, data: Json | ArrayBuffer, channel) => console.log(peer.id, data, channel.length));
  room.on('state', (now, was, details) => console.log(now === 'failed', was, details?.error.code), { once: true });
  room.on('file', async (file) => console.log((await file.accept()).size));
  export async function start(): Promise<string> {
    const publication = room.publish(await openCamera({ video: true }), { source: 'slides' });
    await room.join({ signal: AbortSignal.timeout(5000) });
    for (const peer of room.peers.values()) await room.send({ hello: peer.info }, { to: peer.id, channel: 'chat' });
    publication.unpublish();
    stop();
    return [...room.peers.values()].map((peer) => peer.pc?.connectionState ?? peer.state).join();
  }
  export const isOver = (error: unknown) => error instanceof SwitchboardError && error.fatal && error.code === 'kicked';
`;

const MISTAKES = `
  import { Peer, Room } from 'switchboard-client';
  new Room({ name: 'kitchen' });
  new Room({ room: 'kitchen' }).on('peerjoin', (peer: string) => peer);
  new Room({ room: 'kitchen' }).state = 'idle';
  new Peer();
`;

for (const module of ['nodenext', 'preserve']) {
  test(`a program in TypeScript has its types (module: ${module})`, () => {
    assert.equal(typeErrors(module, CONSUMER), '');
    const mistakes = typeErrors(module, MISTAKES);
    assert.deepEqual(mistakes.match(/TS\d+/g), ['TS2353', 'TS2345', 'TS2540', 'TS2673']);
  });
}

/** What the compiler has to say to a program of a project that knows no browser, and trusts no declarations. */
function typeErrors(module, program) {
  const folder = join(project, module);
  mkdirSync(folder, { recursive: true });
  const compilerOptions = { module, target: 'es2022', lib: ['es2022'], types: [], strict: true, skipLibCheck: false, noEmit: true };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  writeFileSync(join(folder, 'program.ts'), program);
  try {
    run(join(CLIENT, 'node_modules/.bin/tsc'), ['--project', folder]);
    return '';
  } catch (error) {
    return error.stdout;
  }
}
