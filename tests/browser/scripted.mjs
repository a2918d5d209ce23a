/*
 * A gateway whose every word is the test's, and a clock that only the test moves: what the SDK does
 * when connections break, in Node and to the millisecond.
 */
import { mock } from 'node:test';
import { Room } from '../../client/switchboard.js';

/** Random numbers in a test: retries wait as long as they may at most, but for a hair. */
const ALMOST_ONE = 0.999999;

/**
 * A room, the sockets that it opens, and what it tells.
 *
 * @param {import('node:test').TestContext} t
 * @param {object} [options] of the room
 */
export function stage(t, options = {}) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  t.mock.method(Math, 'random', () => ALMOST_ONE);
  const sockets = [];
  const room = new Room({
    room: 'kitchen',
    url: 'ws://one.test/ws',
    WebSocket: class extends Socket {
      constructor(url) {
        super(url);
        sockets.push(this);
      }
    },
    RTCPeerConnection: PeerConnection,
    ...options,
  });
  const log = logOf(room);
  t.after(async () => {
    await room.leave();
    mock.timers.reset();
  });

  /** Joins on the first socket; the room has these peers then. */
  async function join({ peers = ['ann'], resume = { key: 'key-1', windowMs: 30_000 }, ...more } = {}) {
    const joined = room.join();
    const [socket] = sockets;
    socket.open();
    socket.say('peers', peersOf('me', peers, { resume, ...more }));
    await joined;
    await settle();
    log.length = 0;
    return socket;
  }

  return { room, sockets, log, join };
}

export function peersOf(you, ids, more = {}) {
  return { you, room: 'kitchen', version: 10, connections: ids, peers: ids.map((socketId) => ({ socketId, info: null })), iceServers: [], ...more };
}

/** What may have been started by a promise has run. */
export function settle() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass. */
export async function after(ms) {
  mock.timers.tick(ms);
  await settle();
}

/** A page that may wake up. */
export function page(t) {
  const target = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  let count = 0;
  for (const each of [target, document]) {
    t.mock.method(each, 'addEventListener', (...args) => {
      count++;
      EventTarget.prototype.addEventListener.apply(each, args);
    });
    t.mock.method(each, 'removeEventListener', (...args) => {
      count--;
      EventTarget.prototype.removeEventListener.apply(each, args);
    });
  }
  const globals = {
    document,
    addEventListener: (...args) => target.addEventListener(...args),
    removeEventListener: (...args) => target.removeEventListener(...args),
  };
  Object.assign(globalThis, globals);
  t.after(() => Object.keys(globals).forEach((name) => delete globalThis[name]));
  return {
    listening: () => count,
    wake(how) {
      if (how === 'online') return target.dispatchEvent(new Event('online'));
      document.visibilityState = how;
      document.dispatchEvent(new Event('visibilitychange'));
    },
  };
}

/** What a room tells, in short: names and ids. */
function logOf(room) {
  const log = [];
  room.on('state', (now, was, details) => {
    const { attempt, retryInMs, error } = details ?? {};
    log.push([now, ...(attempt === undefined ? [] : [attempt, Math.round(retryInMs)]), ...(error ? [error.code] : [])].join(' '));
  });
  for (const event of ['peerjoin', 'peeraway', 'peerback']) room.on(event, (peer) => log.push(`${event} ${peer.id}`));
  room.on('peerleave', (peer, reason) => log.push(`peerleave ${peer.id} ${reason}`));
  room.on('peerinfo', (peer) => log.push(`peerinfo ${peer.id} ${JSON.stringify(peer.info)}`));
  room.on('error', (error) => log.push(`error ${error.code}`));
  return log;
}

/** A WebSocket with the test at its other end. */
class Socket extends EventTarget {
  OPEN = 1;
  CLOSED = 3;
  readyState = 0;
  /** Frames of the SDK. */
  sent = [];
  /** The code that the SDK closed it with. */
  closedWith = null;

  constructor(url) {
    super();
    this.url = url;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    if (this.readyState >= 2) return;
    this.closedWith = code;
    this.readyState = 2;
    queueMicrotask(() => this.break(code));
  }

  open() {
    this.readyState = this.OPEN;
    this.dispatchEvent(new Event('open'));
  }

  /** The gateway says something. */
  say(eventName, data = {}, n = undefined) {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify({ eventName, data, n }) }));
  }

  break(code = 1006) {
    this.readyState = this.CLOSED;
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }

  /** The frames of that name, in short. */
  heard(...names) {
    return this.sent.filter(({ eventName }) => names.includes(eventName));
  }
}

/** As much of an RTCPeerConnection as negotiating takes. Its descriptions are counted, and are nothing else. */
class PeerConnection extends EventTarget {
  connectionState = 'new';
  signalingState = 'stable';
  currentLocalDescription = null;
  pendingLocalDescription = null;
  remoteDescription = null;
  restarts = 0;
  /** The way that it found. */
  route = 'host';
  #descriptions = 0;
  #isNeeded = false;

  get localDescription() {
    return this.pendingLocalDescription ?? this.currentLocalDescription;
  }

  constructor(config) {
    super();
    this.config = config;
  }

  createDataChannel() {
    this.#negotiate();
    const channel = Object.assign(new EventTarget(), {
      readyState: 'connecting',
      bufferedAmount: 0,
      sent: [],
      send(frame) {
        channel.sent.push(frame);
      },
      /** The test's. */
      open() {
        channel.readyState = 'open';
        channel.dispatchEvent(new Event('open'));
      },
      close() {
        if (channel.readyState !== 'closed') queueMicrotask(() => channel.dispatchEvent(new Event('close')));
        channel.readyState = 'closed';
      },
    });
    return (this.channel = channel);
  }

  setConfiguration(config) {
    if (this.signalingState === 'closed') throw new DOMException('it is closed', 'InvalidStateError');
    this.config = config;
  }

  async getStats() {
    const pair = { id: 'pair', type: 'candidate-pair', localCandidateId: 'local' };
    const transport = { id: 'transport', type: 'transport', selectedCandidatePairId: 'pair' };
    return new Map([transport, pair, { id: 'local', candidateType: this.route }].map((entry) => [entry.id, entry]));
  }

  async setLocalDescription() {
    this.#isNeeded = false;
    const type = this.signalingState === 'have-remote-offer' ? 'answer' : 'offer';
    const description = { type, sdp: `${type} ${++this.#descriptions}\r\na=ice-ufrag:here\r\n` };
    this.signalingState = type === 'offer' ? 'have-local-offer' : 'stable';
    if (type === 'offer') this.pendingLocalDescription = description;
    else this.currentLocalDescription = description;
  }

  async setRemoteDescription(description) {
    if (description.type === 'answer') this.currentLocalDescription = this.pendingLocalDescription;
    this.pendingLocalDescription = null;
    this.remoteDescription = description;
    this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
  }

  async addIceCandidate() {}

  restartIce() {
    this.restarts++;
    this.#negotiate();
  }

  #negotiate() {
    this.#isNeeded = true;
    queueMicrotask(() => this.#isNeeded && this.signalingState === 'stable' && this.dispatchEvent(new Event('negotiationneeded')));
  }

  /** The test's: a way through the network was found. */
  find(candidate) {
    const found = { candidate, sdpMLineIndex: 0, usernameFragment: 'here' };
    this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: { ...found, toJSON: () => found } }));
  }

  /** The test's. */
  become(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  close() {
    this.signalingState = 'closed';
    this.connectionState = 'closed';
  }
}
