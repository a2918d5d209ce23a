import { CHUNK_BYTES } from './transfer.js';

/** @import { Peer } from './peer.js' */
/** @import { Transfer } from './transfer.js' */

/** So often the sender is told what is there: every 64 KiB. */
const CHUNKS_TO_A_REPORT = 4;
/** So many are handed to the browser in one piece, which it may put on disk: 1 MiB. */
const CHUNKS_TO_A_PART = 64;
const MOST_NAME_CHARACTERS = 255;
/** What makes a path of a name, what can't be seen, and what turns the direction of writing. */
const NOT_IN_NAMES = /[/\\\p{Cc}\p{Bidi_C}]/gu;

/** A file that somebody in the room wants to send. */
export class IncomingFile {
  /** A name, not a path. What it says is up to the sender, as is `type`.
   * @readonly @type {string} */
  name;
  /** In bytes.
   * @readonly @type {number} */
  size;
  /** The media type, or ''.
   * @readonly @type {string} */
  type;
  #transfer;
  /** @type {((bytes: number) => void) | undefined} */
  #onProgress;
  #bytes = 0;
  /** @type {Blob[]} */
  #parts = [];
  /** What is in no part yet. @type {ArrayBuffer[]} */
  #chunks = [];

  /**
   * @internal
   * @param {Transfer<Blob>} transfer
   * @param {{ name: string, size: number, type: string }} offer
   */
  constructor(transfer, { name, size, type }) {
    this.name = name.replace(NOT_IN_NAMES, '').replace(/^\.+/, '').slice(0, MOST_NAME_CHARACTERS) || 'file';
    this.size = size;
    this.type = new Blob([], { type }).type;
    this.#transfer = transfer;
    transfer.onopen = () => transfer.isAccepted && this.#say();
    transfer.onchunk = (chunk) => this.#receive(chunk);
    transfer.ended.then(() => (this.#parts = this.#chunks = []));
  }

  /** Who sends it. Whoever comes back as somebody new is another peer.
   * @returns {Peer} */
  get from() {
    return this.#transfer.peer;
  }

  /** Resolves when it is over, however it ended: then there is nothing to accept.
   * @returns {Promise<void>} */
  get ended() {
    return this.#transfer.ended;
  }

  /**
   * Says yes.
   *
   * @param {{ onProgress?: (bytes: number) => void, signal?: AbortSignal }} [options]
   * @returns {Promise<Blob>} the whole file; rejects with a `SwitchboardError`: `file_refused` when the sender took it
   *   back, `peer_gone` when they left, or were away for a minute, `aborted`
   */
  async accept({ onProgress, signal } = {}) {
    if (!this.#transfer.isAccepted) {
      this.#transfer.isAccepted = true;
      this.#onProgress = onProgress;
      this.#transfer.obey(signal);
      this.#report();
    }
    return this.#transfer.outcome.promise;
  }

  /** Says no, or no longer. */
  refuse() {
    this.#transfer.stop('aborted');
  }

  /** @param {ArrayBuffer} chunk */
  #receive(chunk) {
    if (!this.#isNext(chunk)) return this.#transfer.stop('file_refused');
    this.#bytes += chunk.byteLength;
    const count = this.#chunks.push(chunk);
    if (count === CHUNKS_TO_A_PART) this.#parts.push(new Blob(this.#chunks.splice(0)));
    if (count % CHUNKS_TO_A_REPORT === 0 || this.#bytes === this.size) this.#report();
  }

  /** Small chunks would cost more than their bytes.
   * @param {ArrayBuffer} chunk */
  #isNext({ byteLength }) {
    return this.#transfer.isAccepted && byteLength > 0 && byteLength === Math.min(CHUNK_BYTES, this.size - this.#bytes);
  }

  #say() {
    this.#transfer.say(`{"at":${this.#bytes}}`);
  }

  #report() {
    this.#say();
    if (this.#bytes === this.size) {
      this.#transfer.outcome.resolve(new Blob([...this.#parts, ...this.#chunks], { type: this.type }));
    }
    this.#onProgress?.(this.#bytes);
  }
}
