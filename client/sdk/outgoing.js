import { CHUNK_BYTES, isCount } from './transfer.js';

/** @import { Transfer } from './transfer.js' */
/** @typedef {{ onProgress?: (bytes: number) => void, signal?: AbortSignal }} Options */

/** So much of a file is read at a time. */
const READ_BYTES = 16 * CHUNK_BYTES;
/** Bytes waiting in the browser above which the sender waits too, and those at which it goes on. */
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;

/** A file that is sent. */
export class OutgoingFile {
  #transfer;
  #file;
  #onProgress;
  /** Bytes that a browser took: the receiver can't have more. */
  #sent = 0;
  /** Bytes that the receiver has. */
  #arrived = -1;
  /** The channel that they flow into.
   * @type {RTCDataChannel | undefined} */
  #channel;

  /**
   * @param {Transfer<void>} transfer
   * @param {Blob} file
   * @param {Options} options
   */
  constructor(transfer, file, { onProgress, signal }) {
    this.#transfer = transfer;
    this.#file = file;
    this.#onProgress = onProgress;
    transfer.onat = (at, channel) => this.#goOn(at, channel);
    transfer.obey(signal);
  }

  /**
   * @param {any} at
   * @param {RTCDataChannel} channel
   */
  #goOn(at, channel) {
    if (!isCount(at) || at > this.#sent) return;
    if (at === this.#file.size) this.#finish();
    else if (channel !== this.#channel) this.#flow(channel, at);
    if (at > this.#arrived) this.#onProgress?.((this.#arrived = at));
  }

  #finish() {
    this.#transfer.outcome.resolve();
    this.#transfer.close();
  }

  /**
   * Sends what is missing, for as long as this channel is the one.
   *
   * @param {RTCDataChannel} channel
   * @param {number} at
   */
  async #flow(channel, at) {
    this.#channel = channel;
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
    try {
      if (channel.readyState === 'connecting') await happens(channel, 'open'); // Chromium may tell the message first
      for (; at < this.#file.size; at += READ_BYTES) {
        const bytes = await this.#file.slice(at, at + READ_BYTES).arrayBuffer();
        for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES) {
          if (channel.bufferedAmount > HIGH_WATER_BYTES) await happens(channel, 'bufferedamountlow');
          if (channel.readyState !== 'open' || this.#transfer.isStopped) return;
          const chunk = bytes.slice(start, start + CHUNK_BYTES);
          channel.send(chunk);
          this.#sent = Math.max(this.#sent, at + start + chunk.byteLength);
        }
      }
    } catch (cause) {
      this.#transfer.stop('aborted', cause); // the file can't be read any more
    }
  }
}

/**
 * @param {RTCDataChannel} channel
 * @param {string} event
 * @returns {Promise<unknown>} resolves when it happens, or the channel is closed
 */
function happens(channel, event) {
  const waiting = new AbortController();
  return new Promise((resolve) => {
    for (const each of [event, 'close']) channel.addEventListener(each, resolve, waiting);
  }).finally(() => waiting.abort());
}
