import { backoff } from './backoff.js';
import { Connection } from './connection.js';
import { SwitchboardError } from './errors.js';
import { Timers } from './timers.js';
import { listenForWakeups } from './wakeups.js';

/** @import { WebSocketClass } from './connection.js' */
/** @import { ReconnectOptions } from './types.js' */

/**
 * @typedef {object} Retry
 * @property {number} attempt 1 for the first since the connection broke
 * @property {number} retryInMs until this attempt begins
 * @property {SwitchboardError} error why the connection broke, or why the attempt before failed
 */

/** From opening a connection to being let in. */
const ENTRY_TIMEOUT_MS = 10_000;
/** How long a gateway has for a sign of life when there is reason to doubt. */
const DOUBT_MS = 3000;
/** However often the page wakes up, no more than one attempt in such a time. */
const HASTE_MS = 1000;
/** A connection that lasted so long ends a row of failures. */
const LASTING_MS = 10_000;
/** The longest time that a timer takes. */
const FOREVER_MS = 2 ** 31;
/** The session went on, on another connection. */
const REPLACED = 4409;

/**
 * One connection after the other, to one gateway or another. When one breaks, or asks to be replaced,
 * the next is opened; the last one goes on until the next is let in.
 */
export class Link {
  #WebSocket;
  #urls;
  #reconnect;
  #handlers;
  /** Connections so far: each goes to the next address. */
  #count = 0;
  /** The one that we are in the room by.
   * @type {Connection | null} */
  #current = null;
  /** The one that is to be the next.
   * @type {Connection | null} */
  #next = null;
  #hasEntered = false;
  /** Another connection than the current one was asked to let us in, and may have done so. */
  #hasAsked = false;
  /** How many times in a row the next one was, or is, waited for. */
  #attempt = 0;
  #openedAt = 0;
  /** @type {SwitchboardError | undefined} */
  #lastError;
  #timers = new Timers();
  #stopListening;

  /**
   * @param {WebSocketClass} WebSocket
   * @param {readonly string[]} urls
   * @param {false | ReconnectOptions} reconnect
   * @param {{
   *   onopen: () => void,
   *   onanswer: (eventName: string, data: any, n?: number) => void,
   *   onevent: (eventName: string, data: any, n?: number) => void,
   *   onretry: (retry: Retry) => void,
   *   onlost: (error: SwitchboardError) => void,
   * }} handlers `onopen`, `onanswer`: of the next connection, until it is let in. `onretry`: there is no connection, but
   *   there will be; `onlost`: there will be none
   */
  constructor(WebSocket, urls, reconnect, handlers) {
    this.#WebSocket = WebSocket;
    this.#urls = urls.map(socketUrl);
    this.#reconnect = reconnect;
    this.#handlers = handlers;
    this.#stopListening = listenForWakeups(() => this.#wake());
  }

  /** Opens a connection. */
  open() {
    this.#timers.clear('retry');
    this.#timers.set('entry', ENTRY_TIMEOUT_MS, () => this.refuse(new SwitchboardError('timeout')));
    this.#openedAt = Date.now();
    const url = this.#urls[this.#count++ % this.#urls.length];
    try {
      /** @type {Connection} */
      const connection = new Connection(this.#WebSocket, url, {
        onopen: () => this.#handlers.onopen(),
        onevent: (...event) => (connection === this.#current ? this.#handlers.onevent(...event) : this.#handlers.onanswer(...event)),
        onlost: (error) => (connection === this.#current ? this.#lose(error) : this.refuse(error)),
      });
      this.#next = connection;
    } catch (cause) {
      this.refuse(noAddress(cause));
    }
  }

  get isConnected() {
    return this.#current !== null;
  }

  /** There is another connection already, which may be let in at any time. */
  get isMoving() {
    return this.#next !== null;
  }

  /** @param {string} frame */
  send(frame) {
    this.#current?.send(frame);
  }

  /**
   * Asks to be let in on the next connection.
   *
   * @param {string} frame
   */
  ask(frame) {
    if (!this.#next) return;
    this.#hasAsked = true;
    this.#next.send(frame);
  }

  /** The next connection is let in, and takes over. */
  enter() {
    this.#timers.clear('entry');
    this.#timers.clear('give up');
    this.#timers.set('lasting', LASTING_MS, () => (this.#attempt = 0));
    this.#hasEntered = true;
    this.#hasAsked = false;
    this.#current?.giveUp();
    this.#current = this.#next;
    this.#next = null;
  }

  /**
   * The next connection leads nowhere.
   *
   * @param {SwitchboardError} error
   */
  refuse(error) {
    this.#dropNext();
    if (!error.retryable && !this.#current) return this.#handlers.onlost(error);
    if (this.#hasEntered) return this.#retry(error);
    if (this.#count < this.#urls.length) return this.open();
    this.#handlers.onlost(error);
  }

  /**
   * The gateway of this connection will close it: there is to be another one before that.
   *
   * @param {number} afterMs
   */
  replace(afterMs) {
    if (this.#reconnect && !this.#next && !this.#timers.has('retry')) this.#timers.set('retry', afterMs, () => this.open());
  }

  /**
   * The room is no longer joined on this connection, whatever becomes of the next.
   *
   * @param {SwitchboardError} error
   */
  giveUp(error) {
    this.#current?.giveUp();
    this.#disconnected(error);
    this.#tell(0);
  }

  /**
   * Leaves the room. No handler is called from here on.
   *
   * @returns {Promise<void>} resolves once the gateway knows, or there is no way to tell it
   */
  async close() {
    const connections = [this.#current, this.#next];
    this.#current = this.#next = null;
    this.#timers.clearAll();
    this.#stopListening();
    await Promise.all(connections.map((connection) => connection?.close()));
  }

  /** @param {SwitchboardError} error */
  #lose(error) {
    const byOurselves = this.#hasAsked && error.closeCode === REPLACED;
    if (!byOurselves && !(this.#reconnect && error.retryable)) return this.#handlers.onlost(error);
    this.#disconnected(error);
    if (this.#next && byOurselves) return; // the answer is under way
    if (this.#next) this.#tell(0);
    else this.#retry(error);
  }

  /** @param {SwitchboardError} error */
  #disconnected(error) {
    this.#current = null;
    this.#lastError = error;
    this.#attempt ||= this.#next ? 1 : 0;
    this.#timers.clear('lasting');
    const { giveUpAfterMs = Infinity } = this.#reconnect || {};
    if (giveUpAfterMs < FOREVER_MS && !this.#timers.has('give up')) this.#timers.set('give up', giveUpAfterMs, () => this.#despair());
  }

  #despair() {
    this.#dropNext();
    this.#handlers.onlost(/** @type {SwitchboardError} */ (this.#lastError));
  }

  /** @param {SwitchboardError} error */
  #retry(error) {
    this.#lastError = error;
    this.#attempt++;
    this.#openIn((error.retryAfterMs ?? 0) + backoff(this.#attempt, this.#reconnect || {}));
  }

  /** @param {number} inMs */
  #openIn(inMs) {
    this.#timers.set('retry', inMs, () => this.open());
    this.#tell(inMs);
  }

  /** @param {number} retryInMs */
  #tell(retryInMs) {
    const error = /** @type {SwitchboardError} */ (this.#lastError);
    if (!this.#current) this.#handlers.onretry({ attempt: this.#attempt, retryInMs, error });
  }

  /** Waiting may no longer be right, nor silence a good sign. */
  #wake() {
    this.#current?.probe(DOUBT_MS);
    if (this.#current || !this.#hasEntered) return;
    const inMs = Math.max(0, this.#openedAt + HASTE_MS - Date.now());
    if (this.#next && inMs > 0) return;
    this.#dropNext();
    this.#openIn(inMs);
  }

  #dropNext() {
    this.#timers.clear('entry');
    this.#next?.giveUp();
    this.#next = null;
  }
}

/**
 * `/ws` and `https://example.org/ws` are as good as `wss://example.org/ws`.
 *
 * @param {string} url
 */
function socketUrl(url) {
  try {
    const absolute = new URL(url, globalThis.location?.href);
    absolute.protocol = absolute.protocol.replace('http', 'ws');
    if (absolute.protocol.startsWith('ws')) return absolute.href;
    throw new TypeError(`${url} is no address of a gateway`);
  } catch (cause) {
    throw noAddress(cause);
  }
}

/** @param {unknown} cause */
function noAddress(cause) {
  return new SwitchboardError('unavailable', `${cause}`, { retryable: false, cause });
}
