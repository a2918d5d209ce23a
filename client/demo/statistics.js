import { displayNumber } from './format.js';

/** @import { Peer, PeerStats } from '../switchboard.js' */
/** @import { Stage } from './stage.js' */
/** @import { Tile } from './tile.js' */
/** @import { Tell } from './words.js' */

const ASK_EVERY_MS = 1000;

/** How each connection does, on its tile, once a second while somebody wants to know. */
export class Statistics {
  #stage;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {Stage} stage */
  constructor(stage) {
    this.#stage = stage;
  }

  get isShown() {
    return this.#timer !== undefined;
  }

  toggle() {
    if (this.isShown) return this.hide();
    this.#timer = setInterval(() => this.#show(), ASK_EVERY_MS);
    this.#show();
  }

  hide() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const tile of this.#tiles) tile.setStats(null);
  }

  get #tiles() {
    return [this.#stage.own, ...this.#stage.people.values(), ...this.#stage.screens];
  }

  #show() {
    for (const tile of [this.#stage.own, ...this.#stage.screens]) tile.setStats(pictureOf(tile));
    for (const [peer, tile] of this.#stage.people) this.#showPeer(peer, tile);
  }

  /**
   * @param {Peer} peer
   * @param {Tile} tile
   */
  async #showPeer(peer, tile) {
    const stats = await peer.getStats().catch(() => null); // gone meanwhile
    if (stats && this.isShown) tile.setStats([...rowsOf(stats), ...pictureOf(tile, stats.video)]);
  }
}

/**
 * @param {PeerStats} stats
 * @returns {[Tell, Tell][]}
 */
function rowsOf({ route, rttMs, packetLoss, kbpsIn, kbpsOut }) {
  return [
    ...(route ? [row((t) => t.route, (t) => t.routes[route])] : []),
    ...(rttMs === undefined ? [] : [row((t) => t.roundTrip, () => `${displayNumber(rttMs)} ms`)]),
    ...(packetLoss === undefined ? [] : [row((t) => t.loss, () => `${displayNumber(packetLoss * 100, 1)} %`)]),
    row((t) => t.incoming, () => `${displayNumber(kbpsIn)} kbit/s`),
    row((t) => t.outgoing, () => `${displayNumber(kbpsOut)} kbit/s`),
  ];
}

/**
 * @param {Tile} tile
 * @param {PeerStats['video']} [video] the largest of that connection, which may be another one
 * @returns {[Tell, Tell][]}
 */
function pictureOf({ size: { width, height } }, video) {
  const rate = video?.width === width ? `, ${displayNumber(video.fps)} fps` : '';
  return width > 0 ? [row((t) => t.picture, () => `${width} × ${height}${rate}`)] : [];
}

/**
 * @param {Tell} name
 * @param {Tell} value
 * @returns {[Tell, Tell]}
 */
function row(name, value) {
  return [name, value];
}
