import { Room } from '../switchboard.js';
import { Chat } from './chat.js';
import { ConnectionLine } from './connection-line.js';
import { bindDeviceButtons } from './devices.js';
import { joinFailure, lostFailure, mediaFailure } from './failures.js';
import { keepFitting } from './grid.js';
import { displayName } from './names.js';
import { Notice } from './notice.js';
import { byId, find } from './page.js';
import { Tile } from './tile.js';

/** @import { Peer, Publication, RoomState, StateDetails, SwitchboardError } from '../switchboard.js' */
/** @import { Devices } from './devices.js' */
/** @import { Action, Failure } from './failures.js' */

/** @type {Partial<Record<RTCPeerConnectionState, string>>} */
const CONNECTION_STATUS = {
  new: 'connecting…',
  connecting: 'connecting…',
  disconnected: 'connection is weak…',
  failed: 'no way through the network',
};

/** Somebody who is back sooner was never away. */
const CALM_MS = 1000;

/** In the room: everybody's picture, the chat, and the way out. */
export class Call {
  #element = byId('call');
  #grid = byId('people');
  #notice = new Notice('call-notice');
  #connection = new ConnectionLine();
  #chat = new Chat((text) => this.#say(text));
  #own = Tile.ofYourself();
  /** @type {Map<Peer, Tile>} */
  #tiles = new Map();
  /** @type {Room | null} */
  #room = null;
  /** @type {Publication | null} */
  #publication = null;
  #name = '';
  #devices;
  #onleft;

  /**
   * @param {Devices} devices
   * @param {() => void} onleft
   */
  constructor(devices, onleft) {
    this.#devices = devices;
    this.#onleft = onleft;
    keepFitting(this.#grid);
    bindDeviceButtons(find(this.#element, '.toolbar'), devices, (error) => this.#showMediaFailure(error));
    devices.addEventListener('change', () => this.#showDevices());
    byId('leave').addEventListener('click', () => this.leave());
    byId('copy-link').addEventListener('click', () => this.#copyLink());
  }

  /**
   * @param {string} name
   * @param {string} roomName
   * @returns {Promise<void>} rejects with a `SwitchboardError`, `aborted` after a `leave()`
   */
  async join(name, roomName) {
    this.#name = name;
    const room = new Room({ room: roomName, info: this.#info() });
    this.#listen(room);
    this.#clear();
    this.#room = room;
    this.#publication = room.publish(this.#ownStream());
    await room.join();
    this.#show(roomName);
  }

  /** Leaves, or gives up joining. */
  leave() {
    this.#room?.leave();
    this.#room = null;
    this.#publication = null;
    this.#connection.hide();
    if (this.#element.hidden) return;
    this.#element.hidden = true;
    this.#onleft();
  }

  /** Without a connection to the server, too: the call goes on. */
  get #isIn() {
    return this.#room?.state === 'joined' || this.#room?.state === 'reconnecting';
  }

  /** @param {Room} room */
  #listen(room) {
    room.on('state', (now, was, details) => this.#showState(now, was, details));
    room.on('peerjoin', (peer) => this.#addPeer(peer));
    room.on('peerleave', (peer) => this.#removePeer(peer));
    room.on('peerinfo', (peer) => this.#showPeer(peer));
    room.on('peeraway', (peer) => setTimeout(() => this.#showPeer(peer), CALM_MS));
    room.on('peerback', (peer) => this.#showPeer(peer));
    room.on('peerstate', (peer) => this.#showPeer(peer));
    room.on('stream', (peer) => this.#showPeer(peer));
    room.on('streamend', (peer) => this.#showPeer(peer));
    room.on('message', (peer, data, channel) => {
      if (channel === 'chat' && typeof data === 'string') this.#chat.say(nameOf(peer), data);
    });
    room.on('error', (error) => console.warn(error.message)); // the tiles and the notice say it to people
  }

  /**
   * @param {RoomState} now
   * @param {RoomState} was
   * @param {StateDetails} [details]
   */
  #showState(now, was, details) {
    this.#showCount();
    if (now === 'reconnecting' && details) return this.#connection.lost(this.#trouble, details);
    if (now === 'joined') return this.#connection.found();
    this.#connection.hide();
    if (now === 'failed' && was !== 'joining' && details) this.#showFailure(lostFailure(details.error));
  }

  get #trouble() {
    return `The connection to the server is gone.${this.#tiles.size > 0 ? ' Your call goes on.' : ''}`;
  }

  #clear() {
    this.#tiles.clear();
    this.#grid.replaceChildren(this.#own.element);
    this.#own.setName(this.#name, ' (you)');
    this.#chat.clear();
    this.#notice.hide();
    this.#showDevices();
    this.#showCount();
  }

  /** @param {string} roomName */
  #show(roomName) {
    const heading = byId('room-name');
    heading.textContent = roomName;
    document.title = `${roomName} · Switchboard`;
    this.#element.hidden = false;
    heading.focus();
  }

  /** @param {Peer} peer */
  #addPeer(peer) {
    const tile = new Tile();
    this.#tiles.set(peer, tile);
    this.#grid.append(tile.element);
    this.#showPeer(peer);
    this.#showCount();
    if (!this.#element.hidden) this.#chat.tell(`${nameOf(peer)} joined`);
  }

  /** @param {Peer} peer */
  #removePeer(peer) {
    this.#tiles.get(peer)?.element.remove();
    this.#tiles.delete(peer);
    this.#showCount();
    if (this.#isIn) this.#chat.tell(`${nameOf(peer)} left`);
  }

  /** @param {Peer} peer */
  #showPeer(peer) {
    const tile = this.#tiles.get(peer);
    const info = infoOf(peer);
    tile?.setName(info.name);
    tile?.setStatus(peer.away ? 'reconnecting…' : (CONNECTION_STATUS[peer.state] ?? ''));
    tile?.setStream([...peer.streams.values()].find(({ source }) => source === 'camera')?.stream ?? null);
    tile?.setDevices({ microphone: info.microphone !== false, camera: info.camera !== false });
  }

  #showCount() {
    const count = 1 + this.#tiles.size;
    byId('count').textContent = !this.#isIn ? 'Not connected' : count === 1 ? 'Just you' : `${count} people`;
    byId('alone').hidden = this.#room?.state !== 'joined' || count > 1;
  }

  #showDevices() {
    const { microphone, camera, picture } = this.#devices;
    this.#own.setStream(picture);
    this.#own.setDevices({ microphone: this.#devices.isOn('microphone'), camera: this.#devices.isOn('camera') });
    this.#publication?.replaceTrack('audio', microphone);
    this.#publication?.replaceTrack('video', camera);
    this.#room?.setInfo(this.#info());
  }

  /** What the others are told: a silent microphone and a missing picture look alike from afar. */
  #info() {
    return { name: displayName(this.#name), microphone: this.#devices.isOn('microphone'), camera: this.#devices.isOn('camera') };
  }

  #ownStream() {
    const { microphone, camera } = this.#devices;
    return new MediaStream([microphone, camera].filter((track) => track !== null));
  }

  /** @param {string} text */
  async #say(text) {
    this.#chat.say(this.#name, text, { own: true });
    try {
      await this.#room?.send(text, { channel: 'chat' });
    } catch {
      this.#chat.tell('This message could not be sent.');
    }
  }

  async #rejoin() {
    const room = this.#room;
    this.#notice.hide();
    try {
      await room?.join();
      byId('room-name').focus();
    } catch (error) {
      if (this.#room !== room) return; // left meanwhile
      this.#showFailure(joinFailure(/** @type {SwitchboardError} */ (error)));
      this.#notice.focus();
    }
  }

  /** @param {SwitchboardError} error */
  #showMediaFailure(error) {
    this.#showFailure(mediaFailure(error));
  }

  /** @param {Failure} failure */
  #showFailure(failure) {
    this.#notice.show(failure, () => this.#act(failure.action));
  }

  /** @param {Action} action */
  async #act(action) {
    if (action === 'join') return this.#rejoin();
    this.#notice.hide();
    if (action === 'open-devices') this.#devices.open().catch((error) => this.#showMediaFailure(error));
  }

  async #copyLink() {
    const label = find(byId('copy-link'), 'span');
    try {
      await navigator.clipboard.writeText(location.href);
      label.textContent = 'Copied';
      setTimeout(() => (label.textContent = 'Copy link'), 2000);
    } catch {
      prompt('Copy this link:', location.href);
    }
  }
}

/**
 * What a peer tells about itself: anybody may be in the room, so it can be anything.
 *
 * @param {Peer} peer
 * @returns {{ name?: unknown, microphone?: unknown, camera?: unknown }}
 */
function infoOf({ info }) {
  return info !== null && typeof info === 'object' && !Array.isArray(info) ? info : {};
}

/** @param {Peer} peer */
function nameOf(peer) {
  return displayName(infoOf(peer).name);
}
