import { addTransceiver, shareTransceiver, stopSending } from './transceivers.js';

/** @import { Publication } from './publication.js' */
/** @import { Kind } from './types.js' */

/** What a peer is sent: our publications, each on transceivers of its own. */
export class Senders {
  #pc;
  /** @type {Map<Publication, Map<Kind, RTCRtpTransceiver>>} */
  #sending = new Map();

  /**
   * @param {RTCPeerConnection} pc
   * @param {Iterable<Publication>} publications those that are there already share what the peer sends on
   */
  constructor(pc, publications) {
    this.#pc = pc;
    for (const publication of publications) this.#start(publication, shareTransceiver);
  }

  /** What each stream shows, by its id. */
  get sources() {
    return Object.fromEntries([...this.#sending.keys()].map(({ stream, source }) => [stream.id, source]));
  }

  /** @param {Publication} publication */
  add(publication) {
    this.#start(publication, addTransceiver);
  }

  /**
   * @param {Publication} publication
   * @param {Kind} kind
   */
  async replaceTrack(publication, kind) {
    const transceiver = this.#sending.get(publication)?.get(kind);
    if (!transceiver) return this.add(publication);
    if (transceiver.currentDirection === 'stopped') return; // the other side refused it
    await transceiver.sender.replaceTrack(publication.tracks.get(kind) ?? null);
  }

  /** @param {Publication} publication */
  remove(publication) {
    this.#sending.get(publication)?.forEach((transceiver) => stopSending(this.#pc, transceiver));
    this.#sending.delete(publication);
  }

  /**
   * @param {Publication} publication
   * @param {typeof addTransceiver} openTransceiver
   */
  #start(publication, openTransceiver) {
    const transceivers = this.#sending.get(publication) ?? new Map();
    this.#sending.set(publication, transceivers);
    for (const [kind, track] of publication.tracks) {
      if (track && !transceivers.has(kind)) transceivers.set(kind, openTransceiver(this.#pc, track, publication.stream));
    }
  }
}
