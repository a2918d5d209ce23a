/* A cluster for a test: gateways, the Redis that they share, and HAProxy before them where it is asked for. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { end, Gateway, visitors } from './harness.mjs';

/** A node that dies is noticed sooner than by default, so that tests are quick. */
const LEASE = ['--redis-timeout', '500ms', '--lease', '1500ms'];

/** A page of one node goes on with another, which is elsewhere to a browser. */
const FRIENDS = ['--allow-origin', '*'];

/** So often a free port is looked for: another process may take it first. */
const TRIES = 5;

/**
 * Three gateways for one test, and the pages that visit them: `visit` and `join` take the node as `at`.
 *
 * @param {import('node:test').TestContext} t
 * @param {{ haproxy?: boolean }} [options] whether pages that name no node come through HAProxy
 */
export async function clusterStage(t, { haproxy = false } = {}) {
  const started = [];
  const server = {
    address: '',
    async stop() {
      for (const each of started.reverse()) await each.stop();
    },
  };
  const people = await visitors(t, server); // first, so that it stops what was started when something doesn't start
  const add = (each) => {
    started.push(each);
    return each;
  };
  const redis = add(await Redis.start());
  const nodes = [];
  for (let count = 0; count < 3; count++) nodes.push(add(await Gateway.start(['--redis', `redis://${redis.address}`, ...LEASE, ...FRIENDS])));
  server.address = (haproxy ? add(await haproxyBefore(nodes)) : nodes[0]).address;
  return { nodes, redis, ...people };
}

/** The nodes that have a connection. */
export async function taken(nodes) {
  const counts = await Promise.all(nodes.map((node) => metric(node, 'switchboard_sockets')));
  return nodes.filter((_, i) => counts[i] > 0);
}

/** What a node says of itself. */
export async function metric({ admin }, name) {
  const line = (await (await fetch(`http://${admin}/metrics`)).text()).split('\n').find((line) => line.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
}

/** A Redis in a process of its own, in a folder of its own; empty at first. */
class Redis {
  #folder;
  #process;
  address = '';

  static async start() {
    const folder = await mkdtemp(join(tmpdir(), 'redis-'));
    return onFreePort(async (port) => {
      const redis = new Redis();
      redis.#folder = folder;
      redis.address = `127.0.0.1:${port}`;
      return (await redis.#listen()) ? redis : null;
    });
  }

  /** Ends at once and is there again, at the same address. */
  async restart({ empty }) {
    const exit = once(this.#process, 'exit');
    this.#process.kill(empty ? 'SIGKILL' : 'SIGTERM'); // at which it saves
    await exit;
    if (empty) await rm(join(this.#folder, 'dump.rdb'), { force: true });
    assert(await this.#listen(), 'Redis is there again');
  }

  async stop() {
    await end(this.#process);
    await rm(this.#folder, { recursive: true });
  }

  /** @returns {Promise<boolean>} whether it takes connections: another process may have its port */
  #listen() {
    const args = ['--bind', '127.0.0.1', '--port', this.address.split(':')[1], '--dir', this.#folder, '--save', '3600 1', '--appendonly', 'no'];
    const redis = (this.#process = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] }));
    return new Promise((resolve, reject) => {
      redis.once('error', reject);
      redis.once('exit', () => resolve(false));
      createInterface(redis.stdout).on('line', (line) => line.includes('Ready to accept connections') && resolve(true));
    });
  }
}

/** HAProxy as deploy/haproxy.cfg has it, once it takes connections. */
async function haproxyBefore(nodes) {
  const folder = await mkdtemp(join(tmpdir(), 'haproxy-'));
  const file = join(folder, 'haproxy.cfg');
  const servers = nodes.map(({ address, admin }, i) => `    server node-${i} ${address} port ${admin.split(':')[1]}\n`);
  await writeFile(file, (await readFile(new URL('../../deploy/haproxy.cfg', import.meta.url), 'utf8')) + servers.join(''));
  const PATH = `${process.env.PATH}:/usr/sbin`; // where Debian has it
  return onFreePort(async (port) => {
    const address = `127.0.0.1:${port}`;
    const env = { ...process.env, PATH, PUBLIC_ADDRESS: address };
    const haproxy = spawn('haproxy', ['-db', '-q', '-f', file], { env, stdio: 'ignore' });
    const stop = async () => {
      await end(haproxy);
      await rm(folder, { recursive: true });
    };
    while (haproxy.exitCode === null) if (await answers(port)) return { address, stop };
    await stop();
    return null;
  });
}

/** Runs `start` with a free port until it returns something. */
export async function onFreePort(start) {
  for (let tries = 0; tries < TRIES; tries++) {
    const started = await start(String(await freePort()));
    if (started) return started;
  }
  throw new Error('what the test needs does not start');
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether somebody listens. */
export function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });
}
