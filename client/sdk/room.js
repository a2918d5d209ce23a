import { encode } from './channel.js';
import { Emitter } from './emitter.js';
import { SwitchboardError } from './errors.js';
import { Peer } from './peer.js';
import { Publication } from './publication.js';
import { Signaling } from './signaling.js';

/** @import { Frame } from './channel.js' */
/** @import { IceServers, Introduction } from './signaling.js' */
/** @import { Transfers } from './transfers.js' */
/** @import { ErrorCode, RoomEvents, RoomOptions, RoomState, StateDetails } from './types.js' */

/** The browsers' default would expire after a month, in the midst of a long call. */
const CERTIFICATE = { name: 'ECDSA', namedCurve: 'P-256', expires: 365 * 24 * 3600 * 1000 };

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
  /** @type {RTCCertificate[]} */
  #certificates = [];
  /** @type {Transfers | undefined} */
  #transfers;

  /**
   * Does nothing yet: safe on a server.
   *
   * @param {RoomOptions} options
   */
  constructor(options) {
    const { WebSocket, RTCPeerConnection } = globalThis;
    this.#options = { WebSocket, RTCPeerConnection, ...options };
  }

  /** Whether you are in it. The event `state` tells each change. */
  get state() {
    return this.#state;
  }

  /** Your id, while you are in the room: a new one each time that you join, and where the gateway had to let you in anew when the
   * connection came back. */
  get id() {
    return this.#id;
  }

  /** The others, by id, in the order that they came.
   * @returns {ReadonlyMap<string, Peer>} */
  get peers() {
    return this.#peers;
  }

  /**
   * Listens to an event.
   *
   * @template {keyof RoomEvents} E
   * @param {E} event
   * @param {RoomEvents[E]} listener what it throws is an uncaught error of the page, and harms nobody else
   * @param {{ once?: boolean, signal?: AbortSignal }} [options] `once`: only to the next; `signal` ends it
   * @returns {() => void} a function that stops listening
   */
  on(event, listener, options) {
    return this.#events.on(event, listener, options);
  }

  /**
   * Joins; after a `leave()` or a failure, joins again, as somebody new.
   *
   * @param {{ signal?: AbortSignal }} [options] `signal` gives up joining
   * @returns {Promise<void>} resolves once everybody who was there was told of with `peerjoin`; rejects with
   *   a `SwitchboardError`: `unauthorized`, `forbidden`, `room_full`, `bad_room`, `unavailable`, `unsupported`, `timeout`, `aborted`, or
   *   what the gateway closed the connection with
   */
  async join({ signal } = {}) {
    if (this.#signaling) throw new SwitchboardError('already_joined');
    if (signal?.aborted) throw new SwitchboardError('aborted');
    const { WebSocket, RTCPeerConnection } = this.#options;
    if (!WebSocket) throw unsupported('WebSocket');
    if (RTCPeerConnection === undefined && globalThis.document) throw unsupported('WebRTC');
    const giveUp = () => this.#end('left', new SwitchboardError('aborted'));
    signal?.addEventListener('abort', giveUp);
    try {
      await this.#connect();
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Leaves, or gives up joining. Safe to call twice.
   *
   * @returns {Promise<void>} resolves once the gateway knows, or its connection is gone
   */
  async leave() {
    await this.#end('left', new SwitchboardError('aborted'));
  }

  /**
   * Shows a stream to everybody in the room, now and later, until it is unpublished.
   *
   * @param {MediaStream} stream
   * @param {{ source?: 'camera' | 'screen' | (string & {}) }} [options] `source`: a word for the others; `camera`, if not given
   * @returns {Publication}
   */
  publish(stream, { source = 'camera' } = {}) {
    this.#mustConnect();
    const publication = new Publication(stream, source, this.#publications, this.#peers);
    this.#peers.forEach((peer) => peer.publish(publication));
    return publication;
  }

  /**
   * Sends to everybody, or to those named, peer to peer, and through the gateway where one of the two has no WebRTC, as in Node:
   * there it takes JSON only, up to 64 KiB. What you send to a peer arrives in order.
   *
   * Up to 1 MiB waits for a peer that isn't connected yet. What is beyond that, and what still waits when no way to this peer
   * was found, is lost to it: a message to those named rejects, one to everybody doesn't.
   *
   * @param {unknown} data bytes, which arrive as an ArrayBuffer, or what `JSON.stringify` takes
   * @param {{ to?: string | readonly string[], channel?: string }} [options] `to`: an id, or some; `channel`: a word that arrives
   *   with it, '' if not given
   * @returns {Promise<void>} resolves when the browser has it, which takes no more while much waits there;
   *   a message to everybody waits only for those who are connected. Rejects with a `SwitchboardError`:
   *   `peer_gone`, `channel_closed` or `overloaded` for those named; `bad_message`, `too_large`, `not_joined`
   */
  async send(data, { to, channel = '' } = {}) {
    this.#mustBeIn();
    const frame = encode(data, channel);
    if (to === undefined && this.#options.RTCPeerConnection) {
      await Promise.all([...this.#peers.values()].map((peer) => sendIfConnected(peer, frame)));
    } else {
      const named = [to ?? [...this.#peers.keys()]].flat().map((id) => this.#peer(id));
      await Promise.all(named.map((peer) => peer.send(frame)));
    }
  }

  /**
   * Offers a file to a peer, and sends it when they accept it. It goes on when the connection breaks and either of you comes
   * back within a minute, as somebody new, too.
   *
   * @param {Blob} file
   * @param {{ to: string, name?: string, onProgress?: (bytes: number) => void, signal?: AbortSignal }} options
   *   `to`: an id; `name`: that of the file, if not given; `onProgress` is told how much of it the peer has; `signal` ends it
   * @returns {Promise<void>} resolves when the peer has all of it; rejects with a `SwitchboardError`: `file_refused`,
   *   `peer_gone`, `channel_closed` where the peer has no SDK, `aborted` by the signal or by leaving, `not_joined`, `unsupported` in Node
   */
  async sendFile(file, { to, name = /** @type {File} */ (file).name ?? '', ...options }) {
    this.#mustBeIn();
    this.#mustConnect();
    this.#peer(to);
    const transfers = await this.#files();
    if (!this.#id) throw new SwitchboardError('aborted');
    await transfers.send(this.#peer(to), file, name, options);
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

  #mustBeIn() {
    if (!this.#id) throw new SwitchboardError('not_joined');
  }

  #mustConnect() {
    if (!this.#options.RTCPeerConnection) throw unsupported('WebRTC');
  }

  /**
   * Who is alone needs nothing for files: it is loaded when the first peer comes.
   *
   * @returns {Promise<Transfers>}
   */
  async #files() {
    const { Transfers } = await import('./transfers.js');
    return (this.#transfers ??= new Transfers((file) => {
      if (!this.#emit('file', file)) file.refuse();
    }));
  }

  /** @param {Peer} peer */
  #expectFiles(peer) {
    if (!peer.pc) return;
    const files = this.#files();
    Promise.all([files, peer.opened]).then(([transfers]) => transfers.meet(peer)).catch(() => {});
    peer.pc.addEventListener('datachannel', ({ channel }) => {
      files.then((transfers) => transfers.answer(peer, channel)).catch(() => channel.close());
    });
  }

  /** @returns {Promise<void>} */
  #connect() {
    return new Promise((resolve, reject) => {
      const signaling = new Signaling(this.#options, {
        onevent: (eventName, data) => this.#receive(eventName, data),
        onretry: (retry) => this.#setState('reconnecting', retry),
        onlost: (error) => this.#end('failed', error),
      });
      this.#signaling = signaling;
      this.#joining = { resolve, reject };
      this.#setState('joining');
      this.#certify(signaling);
    });
  }

  /**
   * One certificate for all connections of a membership: by it, the others know who comes back as somebody new.
   *
   * @param {Signaling} signaling
   */
  async #certify(signaling) {
    const { RTCPeerConnection } = this.#options;
    const made = RTCPeerConnection?.generateCertificate && (await RTCPeerConnection.generateCertificate(CERTIFICATE).catch(() => {}));
    if (signaling !== this.#signaling) return; // left meanwhile
    this.#certificates = made ? [made] : [];
    signaling.open();
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
        return this.#lose(data);
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
      case 'data':
        return this.#peers.get(data.socketId)?.receiveData(data);
      case 'ice_servers':
        return this.#useIceServers(data);
      case 'gap':
        return this.#peers.forEach((peer) => peer.repeatIfHanging());
      case 'error':
        return this.#refused(data);
    }
  }

  /** @param {{ you: string, peers: Introduction[] } & IceServers} data */
  #enter({ you, peers, ...servers }) {
    const signaling = this.#signaling;
    this.#removeAll('lost'); // in the same room, but as somebody else
    if (signaling !== this.#signaling) return; // left by a listener
    this.#id = you;
    this.#useIceServers(servers);
    this.#setState('joined');
    for (const peer of peers) this.#addPeer(peer, true);
    if (this.#state !== 'joined') return;
    this.#joining?.resolve();
    this.#joining = null;
  }

  /** @param {IceServers} servers */
  #comeBack(servers) {
    this.#useIceServers(servers);
    if (this.#state === 'reconnecting') this.#setState('joined');
  }

  /** @param {IceServers} told */
  #useIceServers({ iceServers, ttl }) {
    const { iceServers: own, rtcConfig } = this.#options;
    this.#rtcConfig = { certificates: this.#certificates, ...rtcConfig, iceServers: own ?? iceServers };
    if (!own) this.#signaling?.renewIceServers(ttl);
    for (const peer of this.#peers.values()) {
      if (ttl && !own) peer.reconfigure(this.#rtcConfig);
      peer.hurry();
    }
  }

  /**
   * @param {Introduction} introduction
   * @param {boolean} wasHereFirst
   */
  #addPeer(introduction, wasHereFirst) {
    if (!this.#id) return; // left by a listener of an event just told
    const known = this.#peers.get(introduction.socketId);
    if (known?.stay()) this.#setAway(known.id, introduction.away ?? false);
    if (known) return; // else told on two connections, of which the second took over
    const peer = this.#makePeer(introduction, wasHereFirst);
    if (!peer) return;
    this.#peers.set(peer.id, peer);
    this.#expectFiles(peer);
    this.#emit('peerjoin', peer);
  }

  /**
   * @param {Introduction} introduction
   * @param {boolean} wasHereFirst
   */
  #makePeer(introduction, wasHereFirst) {
    const { RTCPeerConnection } = this.#options;
    try {
      return new Peer(introduction, RTCPeerConnection ? new RTCPeerConnection(this.#rtcConfig) : undefined, wasHereFirst, {
        signal: (eventName, data) => this.#signaling?.relay(eventName, data),
        emit: (event, ...args) => this.#emit(event, ...args),
        gone: () => this.#removePeer(introduction.socketId, 'lost'),
        publications: this.#publications,
      });
    } catch (cause) {
      this.#end('failed', new SwitchboardError('unsupported', `${cause}`, { cause }));
    }
  }

  /**
   * A call doesn't end with the way to the gateway, not even when that stays away for longer than the gateway waits.
   *
   * @param {{ socketId: string, reason: string }} data
   */
  #lose({ socketId, reason }) {
    if (reason === 'lost' && this.#peers.get(socketId)?.linger(this.#options.lingerMs)) this.#setAway(socketId, true);
    else this.#removePeer(socketId, reason);
  }

  /**
   * @param {string} id
   * @param {string} reason
   */
  #removePeer(id, reason) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#peers.delete(id);
    this.#transfers?.part(peer, reason);
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
    if (retryable && n !== undefined) {
      const peer = this.#peers.get(peerId);
      peer?.repeatLater(retryAfterMs);
      if (!peer || peer.pc) return; // nothing is lost: else it was a message, which isn't said again
    }
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
    this.#transfers?.end();
    this.#removeAll(state === 'left' ? 'left' : 'lost');
    if (joining) joining.reject(error);
    else if (state === 'failed') this.#emit('error', error);
    await signaling.close();
  }

  /** @param {string} id */
  #peer(id) {
    const peer = this.#peers.get(id);
    if (!peer) throw new SwitchboardError('peer_gone', undefined, { peerId: id });
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
   * @returns {boolean} whether anybody listens
   */
  #emit(event, ...args) {
    const isHeard = this.#events.emit(event, ...args);
    if (event === 'error' && !isHeard) console.error(...args);
    return isHeard;
  }
}

function unsupported(/** @type {string} */ what) {
  return new SwitchboardError('unsupported', `There is no ${what} here.`);
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

/** @param {SwitchboardError} error */
function forgiveDeparture(error) {
  if (error.code !== 'channel_closed') throw error;
}
