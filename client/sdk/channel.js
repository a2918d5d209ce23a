import { deferred } from './deferred.js';
import { SwitchboardError, tooLarge } from './errors.js';

/** @import { Json } from './types.js' */
/** @typedef {string | Uint8Array<ArrayBuffer>} Frame */

/** Bytes waiting in the browser above which `send` waits too. */
const HIGH_WATER_BYTES = 256 * 1024;
/** Bytes that may wait for a channel to open. */
const MOST_WAITING_BYTES = 1024 * 1024;

/**
 * The data channel between two SDKs. Both sides open it under the same number, so it needs no
 * announcement. It carries named channels:
 *
 * - text: `{"channel": "chat", "data": ...}`
 * - binary: one byte with the length of the channel's name, the name in UTF-8, the data
 */
export class Channel {
  #onmessage;
  #onclose;
  /** @type {RTCDataChannel | undefined} */
  #dataChannel;
  #isClosed = false;
  /** @type {{ frame: Frame, resolve: () => void, reject: (reason: SwitchboardError) => void }[]} */
  #waiting = [];
  #waitingBytes = 0;
  /** @type {ReturnType<typeof deferred<void>>} */
  #opening = deferred();

  /**
   * @param {(data: Json | ArrayBuffer, channel: string) => void} onmessage
   * @param {() => void} onclose
   */
  constructor(onmessage, onclose) {
    this.#onmessage = onmessage;
    this.#onclose = onclose;
  }

  get isOpen() {
    return this.#dataChannel?.readyState === 'open';
  }

  /** Rejects when it is closed, or never will be open. */
  get opened() {
    return this.#opening.promise;
  }

  /** @param {RTCPeerConnection} pc */
  open(pc) {
    if (this.#isClosed) return;
    const dataChannel = pc.createDataChannel('switchboard', { negotiated: true, id: 0 });
    dataChannel.binaryType = 'arraybuffer';
    dataChannel.bufferedAmountLowThreshold = HIGH_WATER_BYTES;
    dataChannel.addEventListener('open', () => {
      this.#opening.resolve();
      this.#flush();
    });
    dataChannel.addEventListener('bufferedamountlow', () => this.#flush());
    dataChannel.addEventListener('close', () => {
      this.close();
      this.#onclose();
    });
    dataChannel.addEventListener('message', ({ data }) => this.#receive(data));
    this.#dataChannel = dataChannel;
  }

  /**
   * Sends in the order of the calls, once the channel is open.
   *
   * @param {Frame} frame
   * @returns {Promise<void>} resolves when the browser has it, which takes no more while much waits there
   */
  async send(frame) {
    if (this.#isClosed) throw channelClosed();
    if (!this.isOpen && this.#waitingBytes + frame.length > MOST_WAITING_BYTES) throw new SwitchboardError('overloaded');
    await new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
      this.#waiting.push({ frame, resolve, reject });
      this.#waitingBytes += frame.length;
      this.#flush();
    });
  }

  /** What waits to be sent is taken elsewhere. */
  takeWaiting() {
    this.#waitingBytes = 0;
    return this.#waiting.splice(0);
  }

  /** What waits to be sent fails. */
  drop() {
    for (const { reject } of this.takeWaiting()) reject(channelClosed());
  }

  close() {
    this.#isClosed = true;
    this.#opening.reject(channelClosed());
    this.drop();
    this.#dataChannel?.close();
  }

  #flush() {
    const dataChannel = this.#dataChannel;
    while (dataChannel?.readyState === 'open' && dataChannel.bufferedAmount <= HIGH_WATER_BYTES) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#waitingBytes -= next.frame.length;
      try {
        dataChannel.send(/** @type {any} */ (next.frame));
        next.resolve();
      } catch (cause) {
        next.reject(cause instanceof TypeError ? tooLarge('message', { cause }) : channelClosed(cause));
      }
    }
  }

  /** @param {string | ArrayBuffer} frame */
  #receive(frame) {
    const message = decode(frame);
    if (message) this.#onmessage(message.data, message.channel);
  }
}

/**
 * What the gateway takes of it: text.
 *
 * @param {Frame} frame
 */
export function jsonIn(frame) {
  if (typeof frame !== 'string') throw new SwitchboardError('bad_message', 'Bytes do not go through the gateway.');
  return JSON.parse(frame);
}

/**
 * @param {unknown} data
 * @param {string} channel
 * @returns {Frame}
 */
export function encode(data, channel) {
  const bytes = bytesOf(data);
  return bytes ? binaryFrame(bytes, channel) : `{"channel":${JSON.stringify(channel)},"data":${jsonOf(data)}}`;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} channel
 */
function binaryFrame(bytes, channel) {
  const name = new TextEncoder().encode(channel);
  if (name.length > 255) throw tooLarge("channel's name");
  const frame = new Uint8Array(1 + name.length + bytes.length);
  frame[0] = name.length;
  frame.set(name, 1);
  frame.set(bytes, 1 + name.length);
  return frame;
}

/** @param {unknown} data */
function bytesOf(data) {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return isArrayBuffer(data) ? new Uint8Array(data) : null;
}

/**
 * Told by its tag: one from another frame is no instance of this frame's class.
 *
 * @param {unknown} data
 * @returns {data is ArrayBuffer}
 */
function isArrayBuffer(data) {
  return /** @type {any} */ (data)?.[Symbol.toStringTag] === 'ArrayBuffer';
}

/** @param {unknown} data */
function jsonOf(data) {
  let json, cause;
  try {
    json = JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  const isBlob = data instanceof Blob; // JSON would make it an empty object
  if (json === undefined || isBlob) throw new SwitchboardError('bad_message', 'Only JSON and bytes can be sent.', { cause });
  return json;
}

/**
 * @param {string | ArrayBuffer} frame
 * @returns {{ channel: string, data: Json | ArrayBuffer } | null} null: another program's message
 */
function decode(frame) {
  try {
    if (typeof frame === 'string') {
      const { channel, data } = JSON.parse(frame);
      return typeof channel === 'string' ? { channel, data } : null;
    }
    const dataStart = 1 + new Uint8Array(frame)[0];
    return { channel: new TextDecoder().decode(frame.slice(1, dataStart)), data: frame.slice(dataStart) };
  } catch {
    return null;
  }
}

export function channelClosed(/** @type {unknown} */ cause = undefined) {
  return new SwitchboardError('channel_closed', undefined, { cause });
}
