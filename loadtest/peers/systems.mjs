#!/usr/bin/env node
// Starts any system that loadtest can load: Switchboard, its peers, the limits; each node, and its Redis, as a process.
//
//   loadtest/peers/systems.mjs NAME [--nodes N] [--cpu LIST]
//
// Prints one line of JSON once all of it answers, {"name", "dialect", "urls", "processes": [{"name", "pid"}]}, and ends all
// that it started when its standard input ends, or at SIGTERM or SIGINT. LIST is of CPUs, as `taskset -c` takes it.
// The peers need `npm ci` in this folder, the others `cargo build --release --workspace`, or SWITCHBOARD_BIN and
// LOADTEST_BIN. Exit: 0, or 2 when it couldn't run.
//
// As a module: const system = await start(name, { nodes, cpu }); …; await system.stop();
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from '../../scripts/lib/flags.mjs';

const HERE = import.meta.dirname;
const ROOT = path.join(HERE, '..', '..');
/** For each process to answer, and to end. */
const DEADLINE_MS = 15_000;

/** What lets a generator do at one address what many clients do at many. */
const UNGUARDED = [
  ...['--max-sockets-per-address', '19000', '--joins-per-address', '1000000', '--messages-per-socket', '1000000000'],
  ...['--max-sockets', '19000', '--join-timeout', '1h', '--ping-interval', '1h'],
];

/**
 * What a system is: the dialect it speaks, whether nodes share a Redis, whether it can have several nodes, and how a node is
 * started and known to be ready.
 */
const SYSTEMS = {
  switchboard: { dialect: 'switchboard', node: switchboard(UNGUARDED) },
  'switchboard-redis': { dialect: 'switchboard', redis: true, several: true, node: switchboard(UNGUARDED) },
  // With the limits that it has by itself.
  'switchboard-guarded': { dialect: 'switchboard', node: switchboard([]) },
  skyrtc: { dialect: 'skyrtc', node: peer('skyrtc.mjs') },
  'ws-redis': {
    dialect: 'relay',
    redis: true,
    several: true,
    node: peer('ws-redis.mjs', (redis) => ['--redis', `redis://${redis}`]),
  },
  socketio: { dialect: 'socketio', node: peer('socketio.mjs') },
  'socketio-redis': {
    dialect: 'socketio',
    redis: true,
    several: true,
    node: peer('socketio.mjs', (redis) => ['--adapter', 'redis', '--redis', `redis://${redis}`]),
  },
  'socketio-sharded': {
    dialect: 'socketio',
    redis: true,
    several: true,
    node: peer('socketio.mjs', (redis) => ['--adapter', 'sharded', '--redis', `redis://${redis}`]),
  },
  peerjs: { dialect: 'peerjs', node: peer('peerjs.mjs') },
  bare: { dialect: 'plain', node: bare('relay') },
  'bare-redis': { dialect: 'plain', redis: true, several: true, node: bare('relay', (redis) => ['--redis', redis]) },
  echo: { dialect: 'echo', node: bare('echo') },
};

export const names = Object.keys(SYSTEMS);

/** Resolves once every node answers: { name, dialect, urls, processes, stop() }. */
export async function start(name, { nodes = 1, cpu } = {}) {
  const system = SYSTEMS[name];
  if (!system) throw new Error(`There is no system "${name}"; there are ${names.join(', ')}.`);
  if (!Number.isInteger(nodes) || nodes < 1) throw new Error('The number of nodes is a whole number from 1 on.');
  if (nodes > 1 && !system.several) throw new Error(`${name} has one node: it can't share its rooms.`);

  const children = [];
  const run = (name, command, options) => {
    const child = new Child(name, command, { cpu, ...options });
    children.push(child);
    return child;
  };
  const stop = async () => {
    // Nodes first: one that loses its Redis has much to say.
    for (const child of children.toReversed()) await child.stop();
  };
  try {
    const redis = system.redis ? await startRedis(run) : undefined;
    const urls = [];
    for (let n = 1; n <= nodes; n += 1) urls.push(await system.node(run, `node-${n}`, redis));
    const processes = children.map(({ name, pid }) => ({ name, pid }));
    return { name, dialect: system.dialect, urls, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** However this process ends, what it started ends with it. */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill()));

/** One process, ended by its id. What it says on standard error goes to ours. */
class Child {
  #ended = false;
  #said = '';

  constructor(name, [file, ...args], { cpu, env } = {}) {
    const command = cpu === undefined ? [file, ...args] : ['taskset', '-c', String(cpu), file, ...args];
    this.name = name;
    this.process = spawn(command[0], command.slice(1), {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.ended = new Promise((resolve) => {
      this.process.once('error', (error) => resolve(`${file} can't be run: ${error.message}`));
      this.process.once('exit', (code, signal) => resolve(`${file} (${name}) ended with ${code ?? signal}.`));
    });
    running.add(this.process);
    this.ended.then(() => {
      this.#ended = true;
      running.delete(this.process);
    });
    this.process.stdout.on('data', (data) => {
      // All is read, so that it never has to wait; the first lines are what anybody wants to know.
      if (this.#said.length < 10_000) this.#said += data;
    });
  }

  get pid() {
    return this.process.pid;
  }

  /** Until `look` finds something; fails if the process ends first, or takes too long. */
  async ready(look) {
    for (const deadline = Date.now() + DEADLINE_MS; Date.now() < deadline; await delay(20)) {
      if (this.#ended) throw new Error(await this.ended);
      const found = await look(this.#said);
      if (found) return found;
    }
    throw new Error(`${this.name} didn't answer within ${DEADLINE_MS / 1000} s.`);
  }

  async stop() {
    if (this.#ended) return;
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), DEADLINE_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

async function startRedis(run) {
  const port = await freePort();
  const settings = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  const child = run('redis', ['redis-server', ...settings, '--loglevel', 'warning']);
  await child.ready(() => answers(port, 'PING\r\n', '+PONG'));
  return `127.0.0.1:${port}`;
}

/** With nothing that would bound a benchmark, and no work beside. */
function switchboard(flags) {
  return async (run, name, redis) => {
    const [port, admin] = [await freePort(), await freePort()];
    const child = run(name, [
      binary('switchboard', 'SWITCHBOARD_BIN'),
      ...['--listen', `127.0.0.1:${port}`, '--admin-listen', `127.0.0.1:${admin}`, '--drain', '0s', '--log', 'warn'],
      ...flags,
      ...(redis ? ['--redis', `redis://${redis}`] : []),
    ]);
    await child.ready(() => answers(admin, 'GET /readyz HTTP/1.0\r\n\r\n', ' 200 '));
    return `ws://127.0.0.1:${port}/ws`;
  };
}

/** One of the servers in this folder. */
function peer(file, flags = () => []) {
  return async (run, name, redis) => {
    if (!existsSync(path.join(HERE, 'node_modules'))) {
      throw new Error('The peers are not installed: run `npm ci` in loadtest/peers.');
    }
    const command = [process.execPath, path.join(HERE, file), ...flags(redis)];
    const child = run(name, command, { env: { NODE_ENV: 'production' } });
    return `ws://${await listening(child)}/`;
  };
}

function bare(kind, flags = () => []) {
  return async (run, name, redis) => {
    const command = [binary('loadtest', 'LOADTEST_BIN'), 'bare', kind, '--listen', '127.0.0.1:0', ...flags(redis)];
    return `${kind === 'relay' ? 'tcp' : 'ws'}://${await listening(run(name, command))}/`;
  };
}

function listening(child) {
  return child.ready((said) => /^listening on (\S+)$/m.exec(said)?.[1]);
}

export function binary(name, variable) {
  const file = process.env[variable] ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'release', name);
  if (!existsSync(file)) {
    throw new Error(`${file} is missing: run \`cargo build --release --workspace\`, or name it in ${variable}.`);
  }
  return path.resolve(file);
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether what listens there answers `question` with something that has `word` in it. */
function answers(port, question, word) {
  return new Promise((resolve) => {
    let said = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(question));
    const judge = (is) => {
      socket.destroy();
      resolve(is);
    };
    socket.on('data', (data) => {
      said += data;
      if (said.includes(word)) judge(true);
    });
    socket.setTimeout(1000, () => judge(false));
    for (const event of ['error', 'close']) socket.on(event, () => judge(false));
  });
}

async function main() {
  const options = { nodes: { type: 'string', default: '1' }, cpu: { type: 'string' } };
  const { values, positionals } = parse(import.meta.filename, options, { allowPositionals: true });
  if (positionals.length !== 1) throw new Error(`Which system? There are ${names.join(', ')}.`);
  const asked = new Promise((resolve) => {
    process.stdin.on('end', resolve).on('error', resolve).resume();
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, resolve);
  });
  const { stop, ...system } = await start(positionals[0], { nodes: Number(values.nodes), cpu: values.cpu });
  process.stdout.write(`${JSON.stringify(system)}\n`);
  await asked;
  await stop();
}

if (process.argv[1] && path.resolve(process.argv[1]) === import.meta.filename) {
  main().then(
    () => process.exit(0),
    (error) => {
      process.stderr.write(`systems.mjs: ${error.message}\n`);
      process.exit(2);
    },
  );
}
