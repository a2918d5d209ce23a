#!/usr/bin/env node
// Measures the gateway's memory for each idle WebSocket: starts the release binary, opens sockets and prints a table.
//
//   cargo build --release && scripts/idle-memory.mjs [sockets]     (default 10000; an even number, at most 20000)
//
// SWITCHBOARD_BIN names another binary. The figures are what /proc/PID/status tells of the gateway. The kernel's
// share (its socket buffers) is in no process's RSS and so not in the table. Linux only.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const MAX_SOCKETS = 20_000;
/** Descriptors of a process beyond its sockets: listeners, pipes, the runtime's own. */
const SPARE_FILES = 100;
/** Handshakes under way at once: more than the listener's backlog would wait a second each. */
const BATCH = 100;
/** Bytes of an offer's frame, about what a browser's offer with audio and video takes. */
const OFFER_BYTES = 2500;
/** The rest after the offers, part of what is measured. */
const REST_MS = 1000;
/** No condition is waited for longer than this. */
const DEADLINE_MS = 60_000;

async function main() {
  const sockets = Number(process.argv[2] ?? 10_000);
  if (!Number.isInteger(sockets) || sockets < 2 || sockets > MAX_SOCKETS || sockets % 2 !== 0) {
    throw new Error(`The number of sockets must be even and from 2 to ${MAX_SOCKETS}.`);
  }
  const gateway = await Gateway.start();
  for (const pid of [process.pid, gateway.pid]) checkOpenFiles(pid, sockets);

  const states = [];
  const measure = async (state) => {
    await gateway.settled();
    states.push({ state, ...gateway.memory() });
  };

  await measure('started, no socket');
  const filesAtStart = gateway.openFiles();

  const clients = await connect(gateway, sockets);
  await measure('connected, nothing sent');

  clients.forEach((client, i) => client.join(`r${i >> 1}`, clients[i ^ 1]));
  await until('peers answers', sockets, () => count(clients, (client) => client.id));
  await until('new_peer notices', sockets / 2, () => count(clients, (client) => client.greeted));
  await measure('joined, rooms of two');

  clients.forEach((client) => client.offer());
  await until('offers', sockets, () => count(clients, (client) => client.offered));
  await delay(REST_MS);
  await measure('sent and got a 2.5 kB offer, then rested 1 s');

  const closeAll = async (clients) => {
    clients.forEach((client) => client.close());
    await until('closed sockets', sockets, () => count(clients, (client) => client.closed));
    await until('sockets closed by the gateway', sockets, () => sockets + filesAtStart - gateway.openFiles());
  };
  await closeAll(clients);
  await measure('all closed');

  const others = await connect(gateway, sockets);
  await measure('as many connected again');
  await closeAll(others);

  await gateway.stop();
  print(states, sockets);
}

async function connect(gateway, sockets) {
  const clients = [];
  while (clients.length < sockets) {
    const count = Math.min(BATCH, sockets - clients.length);
    clients.push(...await Promise.all(Array.from({ length: count }, () => Client.connect(gateway.address))));
  }
  return clients;
}

function print(states, sockets) {
  const start = states[0];
  const mib = (kib) => (kib / 1024).toFixed(1);
  const each = (kib) => (kib / sockets).toFixed(2);
  console.log(`${sockets} sockets; the kernel's share is unknown (not in RSS).\n`);
  console.log('| state | RSS MiB | of it anonymous MiB | KiB a socket beyond the start | of it anonymous |');
  console.log('| --- | ---: | ---: | ---: | ---: |');
  for (const { state, rss, anonymous } of states) {
    console.log(`| ${state} | ${mib(rss)} | ${mib(anonymous)} | ${each(rss - start.rss)} | ${each(anonymous - start.anonymous)} |`);
  }
}

/** The gateway's process. It ends with this one, however this one ends. */
class Gateway {
  #process;
  #stopping = false;

  static async start() {
    const gateway = new Gateway();
    const target = process.env.CARGO_TARGET_DIR ?? path.join(import.meta.dirname, '..', 'target');
    const binary = process.env.SWITCHBOARD_BIN ?? path.join(target, 'release', 'switchboard');
    const options = {
      'listen': '127.0.0.1:0', 'admin-listen': '127.0.0.1:0', 'log-format': 'json',
      'join-timeout': '1h', 'ping-interval': '1h', 'drain': '0s', 'max-sockets': MAX_SOCKETS,
      'max-sockets-per-address': MAX_SOCKETS, 'joins-per-address': 1_000_000,
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    gateway.#process = spawn(binary, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
    process.on('exit', () => gateway.#process.kill());
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
    gateway.address = await gateway.#listening(binary);
    return gateway;
  }

  /** The address that the log tells; the log is read to its end, or the gateway would wait for its reader. */
  #listening(binary) {
    const lastLines = [];
    const address = new Promise((resolve, reject) => {
      createInterface({ input: this.#process.stderr }).on('line', (line) => {
        lastLines.push(line);
        if (lastLines.length > 10) lastLines.shift();
        const listening = /"message": ?"listening"/.test(line) && JSON.parse(line);
        if (listening) resolve(listening.address);
      });
      this.#process.once('error', (error) => reject(new Error(`${binary} does not start: ${error.message}`)));
      setTimeout(() => reject(new Error('The gateway does not say where it listens.')), DEADLINE_MS).unref();
    });
    this.#process.once('exit', (code, signal) => {
      if (!this.#stopping) fail(new Error(`The gateway ended (${signal ?? code}):\n${lastLines.join('\n')}`));
    });
    return address;
  }

  get pid() {
    return this.#process.pid;
  }

  /** In KiB. */
  memory() {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)[1]);
    return { rss: field('VmRSS'), anonymous: field('RssAnon') };
  }

  openFiles() {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Resolves when the gateway has used no CPU between two looks: what the last step caused is done. */
  async settled() {
    const started = performance.now();
    for (let before = NaN, now = this.#cpuTicks(); now !== before; before = now, now = this.#cpuTicks()) {
      if (performance.now() - started > DEADLINE_MS) throw new Error('The gateway does not come to rest.');
      await delay(100);
    }
  }

  #cpuTicks() {
    const afterName = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return Number(afterName[11]) + Number(afterName[12]); // utime, stime
  }

  async stop() {
    this.#stopping = true;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
  }
}

/** One WebSocket, spoken by hand: a library would hold more memory and answer on its own. */
class Client {
  id = null;
  greeted = false;
  offered = false;
  closed = false;
  #socket;
  #mate;
  #unread = Buffer.alloc(0);

  /** Resolves when the handshake is answered. */
  static connect(address) {
    const [host, port] = address.split(':');
    const client = new Client();
    client.#socket = net.connect(Number(port), host);
    client.#socket.on('error', fail);
    client.#socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3dpdGNoYm9hcmQtaWRsZQ==\r\n\r\n');
    return new Promise((resolve) => client.#socket.once('data', (answer) => {
      const text = answer.toString('latin1');
      if (!text.startsWith('HTTP/1.1 101 ') || !text.endsWith('\r\n\r\n')) fail(new Error(`Handshake: ${text}`));
      client.#socket.on('data', (bytes) => client.#read(bytes));
      client.#socket.once('close', () => client.#ended());
      resolve(client);
    }));
  }

  join(room, mate) {
    this.#mate = mate;
    this.#send(1, JSON.stringify({ eventName: 'join', data: { room } }));
  }

  offer() {
    const offer = { eventName: 'offer', data: { socketId: this.#mate.id, sdp: { type: 'offer', sdp: '' } } };
    offer.data.sdp.sdp = 'v'.repeat(OFFER_BYTES - JSON.stringify(offer).length);
    this.#send(1, JSON.stringify(offer));
  }

  close() {
    this.#closing = true;
    this.#send(8, Buffer.from([0x03, 0xe8])); // 1000
  }

  #closing = false;

  #ended() {
    if (!this.#closing) fail(new Error('The gateway closed a socket.'));
    this.closed = true;
  }

  /** Masked with a key of zeros, which leaves the payload as it is. */
  #send(opcode, payload) {
    const bytes = Buffer.from(payload);
    const length = bytes.length < 126
      ? [0x80 | bytes.length]
      : [0x80 | 126, bytes.length >> 8, bytes.length & 0xff];
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), bytes]));
  }

  #read(bytes) {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    for (let frame = takeFrame(this.#unread); frame !== null; frame = takeFrame(this.#unread)) {
      this.#unread = frame.rest;
      if (frame.opcode === 1) this.#handle(JSON.parse(frame.payload));
      else if (frame.opcode !== 8 || !this.#closing) fail(new Error(`A frame with opcode ${frame.opcode}.`));
    }
  }

  #handle({ eventName, data }) {
    if (eventName === 'peers' && this.id === null) this.id = data.you;
    else if (eventName === 'new_peer' && !this.greeted) this.greeted = true;
    else if (eventName === 'offer' && !this.offered && data.socketId === this.#mate.id) this.offered = true;
    else if (eventName !== 'remove_peer' || !this.#mate.#closing) {
      fail(new Error(`Not expected: ${eventName} ${JSON.stringify(data).slice(0, 200)}`));
    }
  }
}

/** The first frame of `bytes` (unmasked, shorter than 64 KiB), or null while it is not whole. */
function takeFrame(bytes) {
  if (bytes.length < 4 && (bytes.length < 2 || bytes[1] >= 126)) return null;
  const start = bytes[1] < 126 ? 2 : 4;
  const end = start + (bytes[1] < 126 ? bytes[1] : bytes.readUInt16BE(2));
  if (bytes.length < end) return null;
  return { opcode: bytes[0] & 0x0f, payload: bytes.toString('utf8', start, end), rest: bytes.subarray(end) };
}

function count(clients, holds) {
  return clients.reduce((sum, client) => sum + (holds(client) ? 1 : 0), 0);
}

/** Resolves when `counted()` says `wanted`. */
async function until(what, wanted, counted) {
  const started = performance.now();
  while (counted() !== wanted) {
    if (performance.now() - started > DEADLINE_MS) {
      throw new Error(`After ${DEADLINE_MS / 1000} s: ${counted()} of ${wanted} ${what}.`);
    }
    await delay(20);
  }
}

/** Each process holds one end of every socket. */
function checkOpenFiles(pid, sockets) {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  const limit = /^Max open files\s+(\S+)/m.exec(limits)[1];
  const wanted = sockets + SPARE_FILES;
  if (limit !== 'unlimited' && Number(limit) < wanted) {
    throw new Error(`${sockets} sockets need ${wanted} open files, and the limit is ${limit}: \`ulimit -n ${wanted}\` first.`);
  }
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

main().then(() => process.exit(0), fail);
