import { SwitchboardError, tooLarge } from './errors.js';
import { Link } from './link.js';
import { Session } from './session.js';
import { Timers } from './timers.js';

/** @import { WebSocketClass } from './connection.js' */
/** @import { Retry } from './link.js' */
/** @import { ErrorCode, RoomOptions, TokenSource } from './types.js' */
/** @typedef {{ socketId: string, info: unknown, away?: boolean }} Introduction what the gateway tells of a peer at first */
/** @typedef {{ iceServers: RTCIceServer[], ttl?: number }} IceServers `ttl`: for so many seconds their credentials are good */

/** What a gateway takes, unless it is told otherwise. A larger frame would cost the connection. */
const MOST_BYTES = 64 * 1024;
/** Messages that may wait for the gateway to have them: as many as it takes at once. */
const MOST_WAITING = 1000;
/** What the others may see of us, in JSON. */
const MOST_INFO_BYTES = 4096;
/** What has no number, and the gateway couldn't take or the page not give, is tried again after such a time. */
const AGAIN_MS = 3000;
/** A page that has no other token isn't asked for one more often. */
const LEAST_RENEWAL_MS = 200;
/** What was heard is acknowledged after such a time, or when it is so many messages. The protocol asks for a second, and 32. */
const ACK_AFTER_MS = 500;
const ACK_AFTER_MESSAGES = 32;

/**
 * The way to the room. Connections come and go; what is said and heard goes on, each message once and
 * in order: the session is resumed on each new connection, and what may not have arrived is said again.
 */
export class Signaling {
  #room;
  #info;
  #resume;
  #token;
  /** Which question to be let in is the latest: a token may come when it is no longer waited for. */
  #question = 0;
  /** The token that the gateway knows.
   * @type {string | undefined} */
  #shown;
  /** When the gateway will have none of it any more. */
  #expiresAt = 0;
  /** The next one, until the gateway says that it is good.
   * @type {string | undefined} */
  #offered;
  #handlers;
  #link;
  /** @type {Session | null} */
  #session = null;
  /** What the others see of us was changed since we joined; nothing tells us that it arrived. */
  #hasNewInfo = false;
  #timers = new Timers();

  /**
   * @param {RoomOptions} options with a `WebSocket`
   * @param {{
   *   onevent: (eventName: string, data: any) => void,
   *   onretry: (retry: Retry) => void,
   *   onlost: (error: SwitchboardError) => void,
   * }} handlers `onretry`: the connection is gone, and there will be another; `onlost`: there will be none
   */
  constructor({ room, info = null, token, url = '/ws', reconnect = {}, WebSocket }, handlers) {
    this.#room = room;
    this.#info = info;
    this.#token = token;
    this.#resume = reconnect !== false;
    this.#handlers = handlers;
    this.#link = new Link(/** @type {WebSocketClass} */ (WebSocket), [url].flat(), reconnect, {
      ...handlers,
      onopen: () => this.#ask(),
      onanswer: (eventName, data) => this.#answered(eventName, data),
      onevent: (eventName, data, n) => this.#hear(eventName, data, n),
    });
  }

  /** Joins: `peers` comes, or `onlost`. */
  open() {
    this.#link.open();
  }

  /**
   * Sends an offer, an answer or a candidate to a peer. What can't be sent now is sent when there is a connection.
   *
   * @param {string} eventName
   * @param {{ socketId: string }} data
   * @throws {SwitchboardError} it is too large, or too much waits
   */
  relay(eventName, data) {
    if (!this.#session) return; // between two sessions, when the peers of the old one are as good as gone
    const frame = frameOf(eventName, data, this.#session.nextNumber);
    if (bytesIn(frame) > MOST_BYTES) throw tooLarge(eventName, { peerId: data.socketId });
    if (eventName === 'data' && this.#session.unacknowledgedCount > MOST_WAITING) throw new SwitchboardError('overloaded');
    this.#session.keep(frame);
    this.#link.send(frame);
  }

  /**
   * Changes what the others see of us.
   *
   * @param {unknown} info
   */
  tellInfo(info) {
    if (bytesIn(JSON.stringify(info)) > MOST_INFO_BYTES) return this.#handlers.onevent('error', tooLarge('info'));
    this.#info = info;
    this.#hasNewInfo = true;
    this.#sendInfo();
  }

  /**
   * Asks for `ice_servers` before the credentials of the last ones end, if they do.
   *
   * @param {number} [ttl] in seconds
   */
  renewIceServers(ttl) {
    this.#timers.clear('ask');
    this.#timers.clear('ice');
    if (ttl) this.#timers.set('ice', ttl * 250 * (2 + Math.random()), () => this.#askIceServers());
  }

  /**
   * Leaves. No handler is called from here on.
   *
   * @returns {Promise<void>} resolves once the gateway knows, or there is no way to tell it
   */
  close() {
    this.#question++;
    this.#timers.clearAll();
    return this.#link.close();
  }

  async #ask() {
    const question = ++this.#question;
    try {
      if (this.#token !== undefined) this.#shown = await giveToken(this.#token);
    } catch (error) {
      if (question === this.#question) this.#link.refuse(/** @type {SwitchboardError} */ (error));
      return;
    }
    if (question === this.#question) this.#askNow();
  }

  #askNow() {
    if (this.#session?.isResumable) this.#link.ask(frameOf('resume', { ...this.#session.resume(), token: this.#shown }));
    else this.#join();
  }

  #join() {
    this.#session = null;
    this.#hasNewInfo = false;
    this.#link.ask(frameOf('join', { room: this.#room, info: this.#info, resume: this.#resume, token: this.#shown }));
  }

  /**
   * @param {string} eventName
   * @param {any} data
   */
  #answered(eventName, data) {
    switch (eventName) {
      case 'peers':
        this.#session = new Session(data);
        return this.#enter(eventName, data);
      case 'resumed':
        this.#session?.resumed(data);
        return this.#enter(eventName, data);
      case 'error':
        return this.#refused(data);
    }
  }

  /**
   * @param {string} eventName
   * @param {any} data
   */
  #enter(eventName, data) {
    this.#timers.clear('token');
    this.#offered = this.#shown;
    this.#link.enter();
    for (const frame of this.#session?.unacknowledged ?? []) this.#link.send(frame);
    this.#handlers.onevent(eventName, data);
    if (this.#hasNewInfo) this.#sendInfo();
    this.#acknowledge();
  }

  /** @param {{ code: ErrorCode, message: string, retryable: boolean, retryAfterMs?: number }} data */
  #refused({ code, message, retryable, retryAfterMs }) {
    const error = new SwitchboardError(code, message, { retryable, retryAfterMs });
    const isShut = code === 'unauthorized' || code === 'forbidden'; // to a join as well
    if (retryable || isShut || !this.#session?.isResumable) return this.#link.refuse(error);
    this.#session = null; // it can't be resumed, but we can join anew
    this.#link.giveUp(error);
    this.#join();
  }

  /**
   * @param {string} eventName
   * @param {any} data
   * @param {number} [n]
   */
  #hear(eventName, data, n) {
    switch (eventName) {
      case 'ack':
        if (!this.#link.isMoving) this.#session?.acknowledged(data.n); // else the next connection has the last word
        return;
      case 'reconnect':
        if (this.#session?.isResumable) this.#link.replace(data.afterMs);
        return;
      case 'token':
        this.#shown = this.#offered;
        return;
      case 'token_expiring':
        this.#expiresAt = Date.now() + data.afterMs;
        return this.#renewLater();
      case 'error':
        if (data.retryable && data.n === undefined) return this.#repeatLater(data);
    }
    const isNew = this.#session?.hear(eventName, data, n);
    this.#acknowledge();
    if (isNew) this.#handlers.onevent(eventName, data);
  }

  /**
   * What has no number was refused: which it was isn't told, and it does no harm to say it all again.
   *
   * @param {{ retryAfterMs?: number }} data
   */
  #repeatLater({ retryAfterMs = 0 }) {
    this.#timers.set('info', AGAIN_MS + retryAfterMs, () => {
      if (this.#hasNewInfo) this.#sendInfo();
      this.#session?.tellAgain();
      this.#acknowledge();
    });
    if (this.#timers.has('ask')) this.#askLater(retryAfterMs);
    if (this.#offered !== this.#shown) this.#timers.set('token', AGAIN_MS + retryAfterMs, () => this.#renew());
  }

  #acknowledge() {
    const count = this.#session?.isResumable ? this.#session.untoldCount : 0;
    if (count >= ACK_AFTER_MESSAGES) this.#sendAck();
    else if (count > 0 && !this.#timers.has('ack')) this.#timers.set('ack', ACK_AFTER_MS, () => this.#sendAck());
  }

  #sendAck() {
    this.#timers.clear('ack');
    if (!this.#session || !this.#link.isConnected) return; // the next `resume` says it
    this.#link.send(frameOf('ack', { received: this.#session.takeUntold() }));
  }

  /** Shows the page's next token, if there is one: the gateway says again when that expires. */
  async #renew() {
    try {
      const token = await giveToken(this.#token);
      if (!this.#link.isConnected) return;
      if (token === this.#shown) return this.#renewLater(); // there may be another one then
      this.#offered = token;
      this.#link.send(frameOf('token', { token }));
    } catch (error) {
      this.#timers.set('token', AGAIN_MS, () => this.#renew());
      this.#handlers.onevent('error', error);
    }
  }

  #renewLater() {
    const leftMs = this.#expiresAt - Date.now();
    if (leftMs > 0) this.#timers.set('token', renewalDelay(leftMs), () => this.#renew());
  }

  #askIceServers() {
    this.#link.send(frameOf('ice_servers'));
    this.#askLater(0);
  }

  /** @param {number} retryAfterMs */
  #askLater(retryAfterMs) {
    this.#timers.set('ask', AGAIN_MS + retryAfterMs, () => this.#askIceServers());
  }

  #sendInfo() {
    this.#link.send(frameOf('info', { info: this.#info }));
  }
}

/**
 * @param {TokenSource | undefined} source
 * @returns {Promise<string | undefined>} rejects with a `SwitchboardError`
 */
async function giveToken(source) {
  try {
    return await (typeof source === 'function' ? source() : source);
  } catch (cause) {
    throw new SwitchboardError('unauthorized', 'The page gave no token.', { retryable: true, cause });
  }
}

/**
 * When to renew a token that expires: early enough, and not with all the others that came when we did.
 *
 * @param {number} afterMs
 */
function renewalDelay(afterMs) {
  return Math.max((afterMs * (1 + Math.random())) / 4, LEAST_RENEWAL_MS);
}

/**
 * @param {string} eventName
 * @param {unknown} [data]
 * @param {number} [n]
 */
function frameOf(eventName, data, n) {
  return JSON.stringify({ eventName, data, n });
}

/** @param {string} text */
function bytesIn(text) {
  return new TextEncoder().encode(text).length;
}
