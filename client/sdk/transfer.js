import { deferred } from './deferred.js';
import { SwitchboardError } from './errors.js';

/** @import { Peer } from './peer.js' */
/** @import { ErrorCode } from './types.js' */

/** Each binary frame, but for the last. */
export const CHUNK_BYTES = 16 * 1024;
/** What either side says who doesn't go on. */
export const OVER = '{"over":true}';
/** How long either side waits for the other to come back. */
const PATIENCE_MS = 60_000;

/**
 * One end of a file on its way. What holds for every file:
 *
 * - Nothing of it flows before the receiver wants it.
 * - Its bytes arrive in order, each once, whatever breaks in between: the receiver says how many it has, and the sender
 *   goes on from there.
 * - It goes over one channel at a time, and only to who it began with: whoever else comes doesn't get it, nor a word in it.
 * - Each end ends once. The sender's ends well only when the receiver has every byte.
 * - The receiver holds no more than the bytes that it said yes to.
 *
 * Each has a data channel of its own, and the sender opens another one to a peer who comes back as somebody new.
 *
 * @template T what it ends with
 */
export class Transfer {
  /** What its sender opens a channel with: no two are alike. @readonly @type {string} */
  offer;
  /** Whom it is to or from, as we know them now. @type {Peer} */
  peer;
  isAccepted = false;
  /** We don't want it any more, and the other side may not know it. */
  isStopped = false;
  onopen = () => {};
  /** The receiver has so many bytes.
   * @type {(at: unknown, channel: RTCDataChannel) => void} */
  onat = () => {};
  /** @type {(chunk: ArrayBuffer) => void} */
  onchunk = () => {};
  /** @type {ReturnType<typeof deferred<T>>} */
  outcome = deferred();
  #all;
  #identity = '';
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;

  /**
   * @param {Set<Transfer<any>>} all those about which there may be something to say
   * @param {Peer} peer
   * @param {string} offer
   */
  constructor(all, peer, offer) {
    this.#all = all.add(this);
    this.peer = peer;
    this.offer = offer;
    this.lose();
  }

  /** Resolves when it is known what becomes of it.
   * @returns {Promise<void>} */
  get ended() {
    return this.outcome.promise.then(() => {}, () => {});
  }

  /**
   * Whether this peer is who it began with, under whatever id.
   *
   * @param {Peer} peer
   */
  isWith({ identity }) {
    return this.#identity !== '' && this.#identity === identity;
  }

  /**
   * Goes on over this channel, and no other.
   *
   * @param {Peer} peer
   * @param {RTCDataChannel} channel
   */
  use(peer, channel) {
    this.lose();
    this.peer = peer;
    this.#identity = peer.identity;
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }) => this.#hear(data, channel);
    channel.onclose = () => this.lose();
    whenOpen(channel, () => channel === this.#channel && this.#opened());
  }

  /** @param {string} frame */
  say(frame) {
    if (this.#channel?.readyState === 'open') this.#channel.send(frame);
  }

  /** The channel is gone. There may be another. */
  lose() {
    this.#drop();
    this.#patience = setTimeout(() => this.end('peer_gone'), PATIENCE_MS);
  }

  /** @param {AbortSignal} [signal] */
  obey(signal) {
    const stop = () => this.stop('aborted', signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop);
    this.ended.then(() => signal?.removeEventListener('abort', stop));
  }

  /**
   * Ends it, and tells the other side, now or when they are back. They close the channel: Chromium forgets what waits in one
   * that is closed.
   *
   * @param {ErrorCode} code
   * @param {unknown} [cause]
   */
  stop(code, cause) {
    this.isStopped = true;
    this.#fail(code, cause);
    if (this.#identity) this.say(OVER);
    else this.close(); // nobody knows of it
  }

  /** @param {ErrorCode} code */
  end(code) {
    this.#fail(code);
    this.close();
  }

  /** There is nothing more to say about it. */
  close() {
    this.#drop();
    this.#all.delete(this);
  }

  #opened() {
    clearTimeout(this.#patience);
    if (this.isStopped) this.say(OVER);
    else this.onopen();
  }

  /**
   * @param {string | ArrayBuffer} frame
   * @param {RTCDataChannel} channel
   */
  #hear(frame, channel) {
    const { at, over } = typeof frame === 'string' ? read(frame) : {};
    if (over) this.end('file_refused');
    else if (this.isStopped) this.say(OVER); // they may have missed it
    else if (typeof frame === 'string') this.onat(at, channel);
    else this.onchunk(frame);
  }

  /**
   * @param {ErrorCode} code why nothing came of it, unless something did
   * @param {unknown} [cause]
   */
  #fail(code, cause) {
    this.outcome.reject(new SwitchboardError(code, 'The file did not arrive.', { peerId: this.peer.id, cause }));
  }

  #drop() {
    clearTimeout(this.#patience);
    const channel = this.#channel;
    if (!channel) return;
    this.#channel = channel.onmessage = channel.onclose = null;
    channel.close();
  }
}

/**
 * What the other side says. What is no frame says nothing.
 *
 * @param {string} text
 * @returns {any}
 */
export function read(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/**
 * Whether that is a number of bytes.
 *
 * @param {any} value
 */
export function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * @param {RTCDataChannel} channel
 * @param {() => void} act
 */
export function whenOpen(channel, act) {
  if (channel.readyState === 'open') act();
  else channel.addEventListener('open', act, { once: true });
}
