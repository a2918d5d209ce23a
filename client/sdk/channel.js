import { SwitchboardError } from './errors.js';

/** @import { Json } from './types.js' */
/** @typedef {string | Uint8Array<ArrayBuffer>} Frame */

/** Bytes waiting in the browser above which `send` waits too. */
const HIGH_WATER_BYTES = 256 * 1024;

/**
 * The data channel between two SDKs. Both sides open it under the same number, so it needs no
 * announcement. It carries named channels:
 *
 * - text: `{"channel": "chat", "data": ...}`
 * - binary: one byte with the length of the channel's name, the name in UTF-8, the data
 */
export class Channel {
  #onmessage;
  /** @type {RTCDataChannel | undefined} */
  #dataChannel;
  #isClosed = false;
  /** @type {Promise<unknown>} */
  #sent = Promise.resolve();
  /** @type {() => void} */
  #open = () => {};
  /** @type {(reason: SwitchboardError) => void} */
  #close = () => {};
  /** @type {Promise<void>} */
  #opened = new Promise((resolve) => (this.#open = resolve));
  /** @type {Promise<never>} */
  #closed = new Promise((_, reject) => (this.#close = reject));

  /** @param {(data: Json | ArrayBuffer, channel: string) => void} onmessage */
  constructor(onmessage) {
    this.#onmessage = onmessage;
    this.#closed.catch(() => {});
  }

  /** @param {RTCPeerConnection} pc */
  open(pc) {
    if (this.#isClosed) return;
    const dataChannel = pc.createDataChannel('switchboard', { negotiated: true, id: 0 });
    dataChannel.binaryType = 'arraybuffer';
    dataChannel.bufferedAmountLowThreshold = HIGH_WATER_BYTES;
    dataChannel.addEventListener('open', () => this.#open());
    dataChannel.addEventListener('close', () => this.close());
    dataChannel.addEventListener('message', ({ data }) => this.#receive(data));
    this.#dataChannel = dataChannel;
  }

  /**
   * Sends in the order of the calls, once the channel is open.
   *
   * @param {Frame} frame
   * @returns {Promise<void>} resolves when few enough bytes wait in the browser
   */
  send(frame) {
    const sent = this.#sent.then(() => this.#send(frame));
    this.#sent = sent.catch(() => {});
    return sent;
  }

  /** What waits to be sent fails. */
  close(reason = new SwitchboardError('channel_closed', 'The data channel to this peer is closed.')) {
    this.#isClosed = true;
    this.#close(reason);
    this.#dataChannel?.close();
  }

  /** @param {Frame} frame */
  async #send(frame) {
    await Promise.race([this.#closed, this.#opened]);
    const dataChannel = /** @type {RTCDataChannel} */ (this.#dataChannel);
    push(dataChannel, frame);
    if (dataChannel.bufferedAmount > HIGH_WATER_BYTES) {
      await Promise.race([this.#closed, next(dataChannel, 'bufferedamountlow')]);
    }
  }

  /** @param {string | ArrayBuffer} frame */
  #receive(frame) {
    const message = decode(frame);
    if (message) this.#onmessage(message.data, message.channel);
  }
}

/**
 * @param {Json | ArrayBuffer} data
 * @param {string} channel
 * @returns {Frame}
 */
export function encode(data, channel) {
  if (!(data instanceof ArrayBuffer)) return JSON.stringify({ channel, data });
  const name = new TextEncoder().encode(channel);
  if (name.length > 255) throw new SwitchboardError('too_large', "A channel's name is up to 255 bytes long.");
  const frame = new Uint8Array(1 + name.length + data.byteLength);
  frame[0] = name.length;
  frame.set(name, 1);
  frame.set(new Uint8Array(data), 1 + name.length);
  return frame;
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

/**
 * @param {RTCDataChannel} dataChannel
 * @param {Frame} frame
 */
function push(dataChannel, frame) {
  try {
    dataChannel.send(/** @type {any} */ (frame));
  } catch (cause) {
    if (cause instanceof TypeError) throw new SwitchboardError('too_large', 'The message is too large for this peer.', { cause });
    throw new SwitchboardError('channel_closed', 'The data channel to this peer is closed.', { cause });
  }
}

/**
 * @param {EventTarget} target
 * @param {string} event
 */
function next(target, event) {
  return new Promise((resolve) => target.addEventListener(event, resolve, { once: true }));
}
