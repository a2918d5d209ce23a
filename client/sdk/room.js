import { encode } from './channel.js';
import { Emitter } from './emitter.js';
import { SwitchboardError } from './errors.js';
import { Peer } from './peer.js';
import { Publication } from './publication.js';
import { Signaling } from './signaling.js';

/** @import { Frame } from './channel.js' */
/** @import { Introduction } from './signaling.js' */
/** @import { ErrorCode, RoomEvents, RoomOptions, RoomState, StateDetails } from './types.js' */

/** A room: who is there, what they send, and what you send them. */
export class Room {
  #options;
  /** @type {Emitter<RoomEvents>} */
  #events = new Emitter();
  /** @type {RoomState} */
  #state = 'idle';
  /** @type {string | null} */
  #id = null;
  /** @type {Map<string, Peer>} */
  #peers = new Map();
  /** @type {Set<Publication>} */
  #publications = new Set();
  /** @type {Signaling | null} */
  #signaling = null;
  /** @type {{ resolve: () => void, reject: (error: SwitchboardError) => void } | null} */
  #joining = null;
  /** @type {RTCConfiguration} */
  #rtcConfig = {};

  /**
   * Does nothing yet: safe on a server.
   *
   * @param {RoomOptions} options
   */
  constructor(options) {
    this.#options = options;
  }

  get state() {
    return this.#state;
  }

  /** Your id in this room, while you are in it: a new one each time that you join, and where the gateway had to let you in
   * anew when the connection came back. */
  get id() {
    return this.#id;
  }

  /** The others, by id.
   * @returns {ReadonlyMap<string, Peer>} */
  get peers() {
    return this.#peers;
  }

  /**
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {RoomEvents[E]} listener
   * @param {{ once?: boolean, signal?: AbortSignal }} [options]
   * @returns {() => void} stops listening
   */
  on(event, listener, options) {
    return this.#events.on(event, listener, options);
  }

  /**
   * Joins; after a `leave()` or a failure, joins again.
   *
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<void>} resolves once everybody who was there was told of with `peerjoin`; rejects with
   *   a `SwitchboardError`: `unauthorized`, `forbidden`, `room_full`, `bad_room`, `unavailable`, `unsupported`, `timeout`, `aborted`, or
   *   what the gateway closed the connection with
   */
  async join({ signal } = {}) {
    if (this.#signaling) {
      throw new SwitchboardError('already_joined', 'This room is joined already, or about to be.');
    }
    if (signal?.aborted) throw aborted();
    if (!this.#tools.RTCPeerConnection || !this.#tools.WebSocket) throw unsupported();
    const giveUp = () => this.#end('left', aborted());
    signal?.addEventListener('abort', giveUp);
    try {
      await this.#connect();
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Leaves. Safe to call twice.
   *
   * @returns {Promise<void>} resolves once the gateway knows, or its connection is gone
   */
  async leave() {
    await this.#end('left', aborted());
  }

  /**
   * Shows a stream to everybody in the room, now and later, until it is unpublished.
   *
   * @param {MediaStream} stream
   * @param {{ source?: 'camera' | 'screen' | (string & {}) }} [options]
   * @returns {Publication}
   */
  publish(stream, { source = 'camera' } = {}) {
    const publication = new Publication(stream, source, {
      changed: async (kind) => {
        if (!this.#publications.has(publication)) return;
        await Promise.all([...this.#peers.values()].map((peer) => peer.replaceTrack(publication, kind)));
      },
      ended: () => {
        this.#publications.delete(publication);
        this.#peers.forEach((peer) => peer.unpublish(publication));
      },
    });
    this.#publications.add(publication);
    this.#peers.forEach((peer) => peer.publish(publication));
    return publication;
  }

  /**
   * Sends to everybody, or to those named, peer to peer. In order for each peer and channel.
   *
   * Up to 1 MiB waits for a peer that isn't connected yet. What is beyond that, and what a connection
   * that fails hadn't sent, is lost to this peer: a message to those named rejects, one to everybody doesn't.
   *
   * @param {unknown} data bytes, which arrive as an ArrayBuffer, or what `JSON.stringify` takes
   * @param {{ to?: string | readonly string[], channel?: string }} [options]
   * @returns {Promise<void>} resolves when the browser has it, which takes no more while much waits there;
   *   a message to everybody waits only for those who are connected. Rejects with a `SwitchboardError`:
   *   `peer_gone`, `channel_closed` or `overloaded` for those named; `bad_message`, `too_large`, `not_joined`
   */
  async send(data, { to, channel = '' } = {}) {
    if (!this.#isIn) throw new SwitchboardError('not_joined', 'Join the room before sending.');
    const frame = encode(data, channel);
    if (to === undefined) {
      await Promise.all([...this.#peers.values()].map((peer) => sendIfConnected(peer, frame)));
    } else {
      const named = [to].flat().map((id) => this.#peer(id));
      await Promise.all(named.map((peer) => peer.send(frame)));
    }
  }

  /**
   * Changes what the others see of you.
   *
   * @param {any} info what can be sent as JSON
   */
  setInfo(info) {
    this.#options = { ...this.#options, info };
    this.#signaling?.tellInfo(info ?? null);
  }

  get #isIn() {
    return this.#state === 'joined' || this.#state === 'reconnecting';
  }

  /** What the browser lends us, unless the options do. */
  get #tools() {
    const { WebSocket = globalThis.WebSocket, RTCPeerConnection = globalThis.RTCPeerConnection } = this.#options;
    return { WebSocket, RTCPeerConnection };
  }

  /** @returns {Promise<void>} */
  #connect() {
    const { room, info = null, token, url = '/ws', reconnect = {} } = this.#options;
    return new Promise((resolve, reject) => {
      this.#signaling = new Signaling({ room, info, token, url, reconnect, WebSocket: this.#tools.WebSocket }, {
        onevent: (eventName, data) => this.#receive(eventName, data),
        onretry: (retry) => this.#setState('reconnecting', retry),
        onlost: (error) => this.#end('failed', error),
      });
      this.#joining = { resolve, reject };
      this.#setState('joining');
      this.#signaling?.open();
    });
  }

  /**
   * @param {string} eventName
   * @param {any} data
   */
  #receive(eventName, data) {
    switch (eventName) {
      case 'peers':
        return this.#enter(data);
      case 'resumed':
        return this.#comeBack(data);
      case 'new_peer':
        return this.#addPeer(data, false);
      case 'remove_peer':
        return this.#removePeer(data.socketId, data.reason);
      case 'peer_info':
        return this.#updateInfo(data);
      case 'peer_away':
      case 'peer_back':
        return this.#setAway(data.socketId, eventName === 'peer_away');
      case 'offer':
      case 'answer':
        return this.#peers.get(data.socketId)?.receiveDescription(eventName, data);
      case 'ice_candidate':
        return this.#peers.get(data.socketId)?.receiveCandidate(data);
      case 'gap':
        return this.#peers.forEach((peer) => peer.repeatIfHanging());
      case 'error':
        return this.#refused(data);
    }
  }

  /** @param {{ you: string, peers: Introduction[], iceServers: RTCIceServer[] }} data */
  #enter({ you, peers, iceServers }) {
    const signaling = this.#signaling;
    this.#removeAll('lost'); // in the same room, but as somebody else
    if (signaling !== this.#signaling) return; // left by a listener
    this.#id = you;
    this.#useIceServers(iceServers);
    this.#setState('joined');
    for (const peer of peers) this.#addPeer(peer, true);
    if (this.#state !== 'joined') return;
    this.#joining?.resolve();
    this.#joining = null;
  }

  /** @param {{ iceServers: RTCIceServer[] }} data */
  #comeBack({ iceServers }) {
    this.#useIceServers(iceServers);
    if (this.#state === 'reconnecting') this.#setState('joined');
  }

  /** @param {RTCIceServer[]} told */
  #useIceServers(told) {
    this.#rtcConfig = { ...this.#options.rtcConfig, iceServers: this.#options.iceServers ?? told };
  }

  /**
   * @param {Introduction} introduction
   * @param {boolean} wasHereFirst
   */
  #addPeer(introduction, wasHereFirst) {
    if (!this.#isIn) return; // left by a listener of an event just told
    if (this.#peers.has(introduction.socketId)) return; // told on two connections, of which the second took over
    const peer = this.#makePeer(introduction, wasHereFirst);
    if (!peer) return;
    this.#peers.set(peer.id, peer);
    this.#emit('peerjoin', peer);
  }

  /**
   * @param {Introduction} introduction
   * @param {boolean} wasHereFirst
   */
  #makePeer(introduction, wasHereFirst) {
    try {
      return new Peer(introduction, new this.#tools.RTCPeerConnection(this.#rtcConfig), wasHereFirst, {
        signal: (eventName, data) => this.#signaling?.relay(eventName, data),
        emit: (event, ...args) => this.#emit(event, ...args),
        publications: this.#publications,
      });
    } catch (cause) {
      this.#end('failed', unconnectable(cause));
    }
  }

  /**
   * @param {string} id
   * @param {string} reason
   */
  #removePeer(id, reason) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#peers.delete(id);
    peer.close();
    this.#emit('peerleave', peer, reason);
  }

  /** @param {string} reason */
  #removeAll(reason) {
    for (const id of [...this.#peers.keys()]) this.#removePeer(id, reason);
  }

  /** @param {{ socketId: string, info: unknown }} data */
  #updateInfo({ socketId, info }) {
    const peer = this.#peers.get(socketId);
    if (!peer) return;
    peer.setInfo(info);
    this.#emit('peerinfo', peer);
  }

  /**
   * @param {string} id
   * @param {boolean} away
   */
  #setAway(id, away) {
    const peer = this.#peers.get(id);
    if (peer?.setAway(away)) this.#emit(away ? 'peeraway' : 'peerback', peer);
  }

  /** @param {{ code: ErrorCode, message: string, retryable: boolean, n?: number, socketId?: string, retryAfterMs?: number }} data */
  #refused({ code, message, retryable, n, socketId: peerId = '', retryAfterMs }) {
    if (code === 'peer_gone') return; // what we sent crossed with its leaving, which we are told of
    if (retryable && n !== undefined) return this.#peers.get(peerId)?.repeatLater(retryAfterMs);
    this.#emit('error', new SwitchboardError(code, message, { retryable, retryAfterMs, peerId: peerId || undefined }));
  }

  /**
   * The only way out of a room, and out of joining one.
   *
   * @param {'left' | 'failed'} state
   * @param {SwitchboardError} error
   */
  async #end(state, error) {
    const [signaling, joining] = [this.#signaling, this.#joining];
    if (!signaling) return;
    this.#signaling = null;
    this.#joining = null;
    this.#id = null;
    if (state === 'failed') this.#setState(state, { error: Object.assign(error, { fatal: true }) });
    else this.#setState(state);
    this.#removeAll(state === 'left' ? 'left' : 'lost');
    if (joining) joining.reject(error);
    else if (state === 'failed') this.#emit('error', error);
    await signaling.close();
  }

  /** @param {string} id */
  #peer(id) {
    const peer = this.#peers.get(id);
    if (!peer) throw new SwitchboardError('peer_gone', 'This peer is not in the room.', { peerId: id });
    return peer;
  }

  /**
   * @param {RoomState} now
   * @param {StateDetails} [details]
   */
  #setState(now, details) {
    const was = this.#state;
    this.#state = now;
    this.#emit('state', now, was, details);
  }

  /**
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {Parameters<RoomEvents[E]>} args
   */
  #emit(event, ...args) {
    if (event === 'error' && !this.#events.hasListeners('error')) console.error(...args);
    this.#events.emit(event, ...args);
  }
}

function aborted() {
  return new SwitchboardError('aborted', 'The room was left before it was joined.');
}

function unsupported() {
  return new SwitchboardError('unsupported', 'This browser cannot connect to others.');
}

/** @param {unknown} cause */
function unconnectable(cause) {
  return new SwitchboardError('unsupported', 'This browser cannot connect to others as asked.', { cause });
}

/**
 * A part of sending to everybody: one who is not connected yet, or no longer, doesn't hold it up.
 *
 * @param {Peer} peer
 * @param {Frame} frame
 */
async function sendIfConnected(peer, frame) {
  const sent = peer.send(frame);
  if (peer.isOpen) await sent.catch(forgiveDeparture);
  else sent.catch(() => {});
}

/** @param {unknown} error */
function forgiveDeparture(error) {
  if (!(error instanceof SwitchboardError && error.code === 'channel_closed')) throw error;
}
