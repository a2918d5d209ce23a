import { infoOf, nameOf } from './people.js';
import { keepFitting } from './grid.js';
import { byId } from './page.js';
import { Tile } from './tile.js';

/** @import { Peer } from '../switchboard.js' */
/** @import { Devices } from './devices.js' */
/** @import { Words } from './i18n/en.js' */
/** @import { Tell } from './words.js' */

/** @type {Partial<Record<RTCPeerConnectionState, Tell>>} */
const CONNECTION_STATUS = {
  new: (t) => t.connecting,
  connecting: (t) => t.connecting,
  disconnected: (t) => t.weak,
  failed: (t) => t.noWay,
};

/** Everybody's picture and every screen, and which of them is large. */
export class Stage {
  #grid = byId('people');
  #fit;
  /** @readonly */
  own = Tile.ofYourself();
  /** @type {Map<Peer, Tile>} */
  #people = new Map();
  /** By stream, not by its id: that is up to who sends it.
   * @type {Map<MediaStream, Tile>} */
  #screens = new Map();
  /** What somebody made large by hand.
   * @type {Tile | null} */
  #chosen = null;
  /** Screens that were made small by hand.
   * @type {WeakSet<Tile>} */
  #dismissed = new WeakSet();

  constructor() {
    this.#fit = keepFitting(this.#grid);
    this.own.onPin(() => this.#togglePin(this.own));
  }

  /** @returns {ReadonlyMap<Peer, Tile>} */
  get people() {
    return this.#people;
  }

  /** @returns {Iterable<Tile>} */
  get screens() {
    return this.#screens.values();
  }

  /** Only you, of that name.
   * @param {string} name */
  clear(name) {
    this.#people.clear();
    this.#screens.clear();
    this.#chosen = null;
    this.own.setName(name, (t) => t.yourself(displayed(name, t)));
    this.#grid.replaceChildren(this.own.element);
    this.#showPinned();
  }

  /** @param {Peer} peer */
  add(peer) {
    this.#people.set(peer, this.#append(new Tile()));
    this.show(peer);
  }

  /** @param {Peer} peer */
  remove(peer) {
    this.#take(this.#people.get(peer));
    this.#people.delete(peer);
  }

  /** @param {Peer} peer */
  show(peer) {
    const tile = this.#people.get(peer);
    if (!tile) return;
    const info = infoOf(peer);
    tile.setName(info.name);
    tile.setStatus(peer.away ? (t) => t.reconnecting : (CONNECTION_STATUS[peer.state] ?? (() => '')));
    tile.setAway(peer.away);
    tile.setStream([...peer.streams.values()].find(({ source }) => source !== 'screen')?.stream ?? null);
    tile.setDevices({ microphone: info.microphone !== false, camera: info.camera !== false });
    for (const { stream, source } of peer.streams.values()) {
      if (source === 'screen') this.#screens.get(stream)?.setTitle((t) => t.screenOf(nameOf(peer)));
    }
  }

  /** @param {Devices} devices */
  showOwn(devices) {
    this.own.setStream(devices.picture);
    this.own.setDevices({ microphone: devices.isOn('microphone'), camera: devices.isOn('camera') });
  }

  /**
   * Large, unless somebody chose another picture.
   *
   * @param {MediaStream} stream
   * @param {Tell} title
   */
  addScreen(stream, title, { isOwn = false } = {}) {
    const tile = Tile.ofScreen({ isOwn });
    tile.setTitle(title);
    tile.setStream(stream);
    if (isOwn) this.#dismissed.add(tile); // a screen that shows itself is a tunnel
    this.#screens.set(stream, tile);
    this.#append(tile);
    this.#showPinned();
  }

  /** @param {MediaStream} stream */
  removeScreen(stream) {
    this.#take(this.#screens.get(stream));
    this.#screens.delete(stream);
    this.#showPinned();
  }

  /** @param {Tile} tile */
  #append(tile) {
    tile.onPin(() => this.#togglePin(tile));
    this.#grid.append(tile.element);
    return tile;
  }

  /** @param {Tile} [tile] */
  #take(tile) {
    tile?.element.remove();
    if (this.#chosen === tile) this.#chosen = null;
    this.#showPinned();
  }

  /** @param {Tile} tile */
  #togglePin(tile) {
    if (tile.isPinned) this.#dismissed.add(tile);
    this.#chosen = tile.isPinned ? null : tile;
    this.#showPinned();
  }

  #showPinned() {
    const screens = [...this.#screens.values()].filter((tile) => !this.#dismissed.has(tile));
    const large = this.#chosen ?? screens.at(-1);
    for (const tile of [this.own, ...this.#people.values(), ...this.#screens.values()]) tile.setPinned(tile === large);
    this.#fit();
  }
}

/**
 * @param {string} name
 * @param {Words} t
 */
function displayed(name, t) {
  return name || t.guest;
}
