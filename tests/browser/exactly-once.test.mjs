/*
 * Each message arrives once and in order, in both directions, whatever becomes of connections: a gateway
 * that keeps the protocol, a network that doesn't deserve the name, and some hundred stories of chance.
 */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Signaling } from '../../client/sdk/signaling.js';

const STORIES = 300;
const STEPS = 250;

test('each message once, and in order', (t) => {
  const seen = { resumed: 0, replaced: 0, refused: 0, repeated: 0 };
  for (let seed = 1; seed <= STORIES; seed++) story(t, seed, seen);
  for (const [what, count] of Object.entries(seen)) assert(count > STORIES / 4, `${what} only ${count} times`);
});

/** One story. */
function story(t, seed, seen) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const random = randomNumbers(seed);
  const gateway = new Gateway(random, seen);
  const said = [];
  const heard = [];
  let isLost = null;
  let isIn = false;
  const signaling = new Signaling({ room: 'kitchen', info: null, url: ['ws://one.test', 'ws://two.test'], reconnect: {}, WebSocket: gateway.WebSocket }, {
    onevent(eventName, data) {
      isIn = true;
      if (eventName === 'message') heard.push(data.body);
    },
    onretry() {},
    onlost: (error) => (isLost = error),
  });
  signaling.open();
  while (!isIn) gateway.deliver();

  const steps = [
    [30, () => gateway.deliver()],
    [10, () => signaling.relay('message', { socketId: 'ann', body: said.push(said.length) })],
    [10, () => gateway.annSpeaks()],
    [10, () => mock.timers.tick(Math.floor(random() * 700))],
    [2, () => gateway.break()],
    [1, () => gateway.drain()],
  ];
  const total = steps.reduce((sum, [weight]) => sum + weight, 0);
  for (let step = 0; step < STEPS; step++) {
    let chance = random() * total;
    steps.find(([weight]) => (chance -= weight) < 0)[1]();
  }
  for (let calm = 0; calm < 100 || !gateway.isQuiet; calm++) {
    assert(calm < 10_000, `story ${seed} never ends`);
    gateway.deliver();
    mock.timers.tick(500);
  }
  assert.equal(isLost, null, `story ${seed}`);
  assert.deepEqual(gateway.annHeard, said.map((_, i) => i + 1), `what Ann heard in story ${seed}`);
  assert.deepEqual(heard, gateway.annSaid, `what Ann said in story ${seed}`);
  assert.equal(gateway.mailbox.length, 0, `all is acknowledged in story ${seed}`);
  signaling.close();
  mock.timers.reset();
}

/** A gateway with one room, in which Ann is, and one session, which is ours. */
class Gateway {
  annHeard = [];
  annSaid = [];
  /** What Ann said, until we acknowledge it. */
  mailbox = [];
  #sockets = [];
  #live = null;
  #keys = [];
  #attempt = 0;
  #handled = 0;
  #random;
  #seen;

  constructor(random, seen) {
    this.#random = random;
    this.#seen = seen;
    const sockets = this.#sockets;
    this.WebSocket = class extends Socket {
      constructor() {
        super();
        sockets.push(this);
      }
    };
  }

  get isQuiet() {
    return this.#live?.isOpen && this.mailbox.length === 0 && this.#sockets.every((socket) => !socket.isOpen || socket.isIdle);
  }

  /** The network moves something, somewhere. */
  deliver() {
    const busy = this.#sockets.filter((socket) => !socket.isIdle);
    if (busy.length === 0) return;
    const socket = busy[Math.floor(this.#random() * busy.length)];
    if (!socket.isOpen) return socket.open();
    if (socket.toClient.length > 0 && (socket.toGateway.length === 0 || this.#random() < 0.5)) return socket.hear(socket.toClient.shift());
    this.#handle(socket, socket.toGateway.shift());
  }

  annSpeaks() {
    const body = this.annSaid.length + 1;
    this.annSaid.push(body);
    this.mailbox.push({ eventName: 'message', data: { socketId: 'ann', body }, n: body });
    this.#live?.toClient.push(this.mailbox.at(-1));
  }

  /** A connection breaks, with all that is on its way. We learn of it, and the gateway perhaps. */
  break() {
    const socket = this.#sockets[this.#sockets.length - 1 - Math.floor(this.#random() * Math.min(2, this.#sockets.length))];
    if (socket === this.#live && this.#random() < 0.5) this.#live = null;
    socket.end(1006);
  }

  drain() {
    this.#live?.toClient.push({ eventName: 'reconnect', data: { afterMs: Math.floor(this.#random() * 500) } });
  }

  #handle(socket, { eventName, data, n }) {
    const answer = (name, more) => socket.toClient.push({ eventName: name, data: more });
    switch (eventName) {
      case 'join':
        this.#live = socket;
        return answer('peers', { you: 'me', room: 'kitchen', version: 1, peers: [{ socketId: 'ann', info: null }], iceServers: [], resume: this.#freshKey() });
      case 'resume':
        return this.#resume(socket, data, answer);
      case 'ping':
        return answer('pong', {});
      case 'ack':
        if (socket === this.#live) this.#acknowledged(data.received.ann);
        return;
      case 'message':
        if (socket !== this.#live) return;
        if (n > this.#handled) this.annHeard.push(data.body);
        else this.#seen.repeated++;
        this.#handled = Math.max(n, this.#handled);
        if (this.#random() < 0.3) answer('ack', { n: this.#handled });
    }
  }

  #resume(socket, { key, attempt, received }, answer) {
    assert(this.#keys.slice(-2).includes(key), 'a key that was told');
    if (attempt <= this.#attempt) return answer('error', { code: 'session_expired', message: '', retryable: false });
    this.#attempt = attempt;
    if (this.#random() < 0.2) {
      this.#seen.refused++;
      return answer('error', { code: 'unavailable', message: '', retryable: true });
    }
    if (this.#live) {
      this.#live.toClient.push({ close: 4409 });
      this.#seen.replaced++;
    }
    this.#live = socket;
    this.#seen.resumed++;
    this.#keys = [key];
    answer('resumed', { you: 'me', room: 'kitchen', version: 1, iceServers: [], resume: this.#freshKey() });
    this.#acknowledged(received.ann);
    socket.toClient.push(...this.mailbox);
  }

  #acknowledged(n = 0) {
    this.mailbox = this.mailbox.filter((message) => message.n > n);
  }

  #freshKey() {
    this.#keys.push(`key-${this.#random()}`);
    return { key: this.#keys.at(-1), windowMs: 30_000 };
  }
}

/** A WebSocket over a network that takes its time. */
class Socket extends EventTarget {
  OPEN = 1;
  CLOSED = 3;
  readyState = 0;
  toGateway = [];
  toClient = [];

  get isOpen() {
    return this.readyState === this.OPEN;
  }

  /** Nothing is on its way. */
  get isIdle() {
    return this.readyState > 1 || (this.isOpen && this.toGateway.length === 0 && this.toClient.length === 0);
  }

  open() {
    this.readyState = this.OPEN;
    this.dispatchEvent(new Event('open'));
  }

  send(text) {
    this.toGateway.push(JSON.parse(text));
  }

  hear(frame) {
    if (frame.close) this.end(frame.close);
    else this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }));
  }

  close() {
    this.readyState = this.CLOSED;
  }

  end(code) {
    if (this.readyState === this.CLOSED) return;
    this.readyState = this.CLOSED;
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }
}

/** The same numbers for the same seed. (mulberry32) */
function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
