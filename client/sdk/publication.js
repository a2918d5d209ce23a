/** @import { Peer } from './peer.js' */
/** @import { Kind } from './types.js' */

/** A stream that everybody in the room gets, whoever comes later included. */
export class Publication {
  /** What the stream shows: 'camera', 'screen', or a word of your own.
   * @readonly @type {string} */
  source;
  /** @internal @readonly @type {MediaStream} */
  stream;
  /** @internal @readonly @type {Map<Kind, MediaStreamTrack | null>} */
  tracks = new Map();
  #publications;
  #peers;

  /**
   * @internal
   * @param {MediaStream} stream
   * @param {string} source
   * @param {Set<Publication>} publications which it is one of until it is unpublished
   * @param {Map<string, Peer>} peers who get it
   */
  constructor(stream, source, publications, peers) {
    this.stream = new MediaStream(stream.getTracks()); // an id of its own: a stream may be published twice
    this.source = source;
    this.#publications = publications.add(this);
    this.#peers = peers;
    for (const track of stream.getTracks()) this.tracks.set(/** @type {Kind} */ (track.kind), track);
  }

  /**
   * Sends another track from now on, or none.
   *
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   * @returns {Promise<void>}
   */
  async replaceTrack(kind, track) {
    if (track && track.kind !== kind) throw new TypeError(`This is no ${kind} track.`);
    this.tracks.set(kind, track);
    if (!this.#publications.has(this)) return;
    await Promise.all([...this.#peers.values()].map((peer) => peer.replaceTrack(this, kind)));
  }

  /** Takes the stream away from everybody. Its tracks go on, and stay yours to stop. */
  unpublish() {
    this.#publications.delete(this);
    this.#peers.forEach((peer) => peer.unpublish(this));
  }
}
