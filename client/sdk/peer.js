import { backoff } from './backoff.js';
import { Channel, channelClosed, jsonIn } from './channel.js';
import { SwitchboardError } from './errors.js';
import { Negotiation } from './negotiation.js';
import { Recovery } from './recovery.js';
import { Senders } from './senders.js';
import { Meter, usesOwnRelay } from './stats.js';
import { Streams } from './streams.js';
import { Timers } from './timers.js';

/** @import { Frame } from './channel.js' */
/** @import { Publication } from './publication.js' */
/** @import { Kind, PeerStats, RoomEvents } from './types.js' */

/**
 * How long a connection may have failed before it is told that there is no way. Chromium says `failed`, too, for the moment (some
 * 50 ms) between the answer to an ICE restart and its first candidate, when the way that was is broken.
 */
const PATIENCE_MS = 4000;

/** Somebody else in the room, and the connection to them. */
export class Peer {
  /** @readonly @type {string} */
  id;
  /** The connection itself, for what the SDK has no words for. There is none where one of you has no WebRTC: what you send goes
   * through the gateway then.
   * @readonly @type {RTCPeerConnection | undefined} */
  pc;
  #polite;
  #info;
  #away;
  #hooks;
  #channel;
  /** @type {Negotiation | undefined} */
  #negotiation;
  /** @type {Recovery | undefined} */
  #recovery;
  #identity = '';
  /** The gateway knows it no more. */
  #isLingering = false;
  /** It was told that there is no way, and there was none since. */
  #isCutOff = false;
  /** Times in a row that the gateway couldn't take what we sent this peer. */
  #undelivered = 0;
  #timers = new Timers();
  #meter = new Meter();
  #streams = new Streams({
    onstream: (stream, source) => this.#hooks.emit('stream', this, stream, source),
    onend: (stream) => this.#hooks.emit('streamend', this, stream),
  });
  /** None until we have a say in what the connection carries.
   * @type {Senders | undefined} */
  #senders;

  /**
   * @internal
   * @param {{ socketId: string, info: any, away?: boolean }} introduction
   * @param {RTCPeerConnection | undefined} pc
   * @param {boolean} polite true: we came later, so we offer, and give way when offers collide
   * @param {{
   *   signal: (eventName: string, data: { socketId: string, [field: string]: unknown }) => void,
   *   emit: <E extends keyof RoomEvents>(event: E, ...args: Parameters<RoomEvents[E]>) => void,
   *   gone: () => void,
   *   publications: Iterable<Publication>,
   * }} hooks what a peer asks of its room
   */
  constructor({ socketId, info, away = false }, pc, polite, hooks) {
    this.id = socketId;
    this.pc = pc;
    this.#info = info;
    this.#away = away;
    this.#hooks = hooks;
    this.#polite = polite;
    this.#channel = new Channel((data, channel) => hooks.emit('message', this, data, channel), () => this.#endIfLingering());
    if (pc) this.#negotiate(pc);
    else this.#repeat();
  }

  /** What this peer tells about itself: anything, as anybody may be in the room.
   * @returns {any} */
  get info() {
    return this.#info;
  }

  /** Its way to its gateway broke: it may come back, and hears then what it is sent now. What you have of it goes on. */
  get away() {
    return this.#away;
  }

  /** Always `connected` where there is no connection to make.
   * @returns {RTCPeerConnectionState} */
  get state() {
    return this.pc?.connectionState ?? 'connected';
  }

  /** What this peer sends, by stream id.
   * @returns {ReadonlyMap<string, { stream: MediaStream, source: string }>} */
  get streams() {
    return this.#streams.current;
  }

  /** How well the connection does.
   * @returns {Promise<PeerStats>} */
  async getStats() {
    return this.pc ? this.#meter.read(await this.pc.getStats()) : { kbpsIn: 0, kbpsOut: 0 };
  }

  /** Looks for a new way through the network. */
  restartIce() {
    this.pc?.restartIce();
  }

  /** @internal @param {any} info */
  setInfo(info) {
    this.#info = info;
  }

  /**
   * @internal
   * @param {boolean} away
   * @returns {boolean} whether that is news
   */
  setAway(away) {
    const isNews = this.#away !== away;
    this.#away = away;
    return isNews;
  }

  /** @internal */
  get isOpen() {
    return this.#channel.isOpen;
  }

  /** @internal Rejects when there will be no channel to this peer. */
  get opened() {
    return this.#channel.opened;
  }

  /** @internal Who this is, whatever its id: the certificate that its end of the connection was proven with. Known once it is open. */
  get identity() {
    return (this.#identity ||= fingerprintsIn(this.pc?.remoteDescription));
  }

  /**
   * @internal
   * @param {Frame} frame
   * @returns {Promise<void>}
   */
  async send(frame) {
    if (!this.pc) return this.#hooks.signal('data', { socketId: this.id, ...jsonIn(frame) });
    if (this.state === 'failed' && this.#isCutOff) throw channelClosed();
    await this.#channel.send(frame);
  }

  /** @internal @param {Publication} publication */
  publish(publication) {
    this.#senders?.add(publication);
  }

  /**
   * @internal
   * @param {Publication} publication
   * @param {Kind} kind
   */
  async replaceTrack(publication, kind) {
    await this.#senders?.replaceTrack(publication, kind);
  }

  /** @internal @param {Publication} publication */
  unpublish(publication) {
    this.#senders?.remove(publication);
  }

  /**
   * @internal
   * @param {'offer' | 'answer'} type
   * @param {{ sdp: RTCSessionDescriptionInit | string, streams?: Record<string, unknown>, round?: number }} data
   */
  receiveDescription(type, { sdp, streams, round }) {
    this.#undelivered = 0;
    if (streams) this.#streams.learnSources(streams);
    else this.#getAlong();
    this.#negotiation?.receiveDescription({ type, sdp: typeof sdp === 'string' ? sdp : sdp?.sdp }, round);
  }

  /** @internal @param {Omit<RTCIceCandidateInit, 'candidate'> & { candidate?: string | null, label?: number }} data null: there are no more */
  receiveCandidate({ candidate, sdpMid, sdpMLineIndex, label, usernameFragment }) {
    const section = { sdpMid, sdpMLineIndex: sdpMLineIndex ?? label };
    this.#negotiation?.receiveCandidate({ candidate: candidate ?? '', usernameFragment, ...section });
  }

  /** @internal The gateway couldn't take what we sent. After a while it may. */
  repeatLater(afterMs = 0) {
    if (this.#timers.has('repeat')) return;
    this.#timers.set('repeat', afterMs + backoff(++this.#undelivered), () => this.#repeat());
  }

  /** @internal The gateway may have lost what it had taken, from both of us. */
  repeatIfHanging() {
    if (this.#negotiation?.isHanging ?? true) this.#repeat();
  }

  /**
   * @internal From one that we can't connect to, and that says so by this.
   * @param {{ channel?: unknown, data?: any }} message
   */
  receiveData({ channel, data }) {
    this.#relay();
    if (typeof channel === 'string') this.#hooks.emit('message', this, data, channel);
  }

  /** @internal What kept a connection from working may be gone. */
  hurry() {
    this.#recovery?.hurry();
  }

  /**
   * @internal Other STUN and TURN servers than before, or other credentials: a way that goes by them is replaced.
   * @param {RTCConfiguration} config
   */
  async reconfigure(config) {
    if (!this.pc) return;
    try {
      this.pc.setConfiguration(config);
      if (this.state === 'connected' && usesOwnRelay(await this.pc.getStats())) this.#recovery?.restart();
    } catch (cause) {
      this.#fail('The browser took no other servers.', cause);
    }
  }

  /**
   * @internal The gateway lost it.
   * @param {number} [mostMs]
   * @returns {boolean} true: we have a connection to it all the same, until it is `gone`
   */
  linger(mostMs) {
    this.#isLingering = this.state === 'connected' && this.#channel.isOpen && mostMs !== 0;
    if (!this.#isLingering) return false;
    this.#recovery?.end(); // nobody would hear an offer
    if (mostMs) this.#timers.set('linger', mostMs, () => this.#endIfLingering());
    return true;
  }

  /**
   * @internal The gateway found it again.
   * @returns {boolean} whether it was lost
   */
  stay() {
    const wasLost = this.#isLingering;
    this.#isLingering = false;
    if (wasLost && this.pc) this.#watchOver(this.pc);
    return wasLost;
  }

  /** @internal */
  close() {
    this.#isLingering = false;
    this.#timers.clearAll();
    this.#recovery?.end();
    this.#channel.close();
    this.pc?.close();
    this.#streams.endAll();
  }

  /** @param {RTCPeerConnection} pc */
  #negotiate(pc) {
    this.#negotiation = new Negotiation(pc, this.#polite, {
      sendDescription: (description, round) => this.#sendDescription(description, round),
      sendCandidate: (candidate) => this.#sendCandidate(candidate),
      beforeAnswer: () => this.#attach(pc),
      onerror: (cause) => this.#fail('The connection to a peer could not be negotiated.', cause),
    });
    this.#watchOver(pc);
    pc.addEventListener('track', (event) => this.#streams.receive(event));
    pc.addEventListener('connectionstatechange', () => this.#connectionChanged());
    if (this.#polite) this.#attach(pc);
  }

  /** @param {RTCPeerConnection} pc */
  #watchOver(pc) {
    this.#recovery = new Recovery(pc, () => this.#negotiation?.isPolite ?? this.#polite);
  }

  /** Everything goes through the gateway from here on, and first what waited for a connection. */
  #relay() {
    if (!this.pc) return;
    const waiting = this.#channel.takeWaiting();
    this.close();
    this.#senders = undefined;
    /** @type {any} */ (this).pc = undefined;
    for (const { frame, resolve, reject } of waiting) this.send(frame).then(resolve, reject);
    this.#hooks.emit('peerstate', this, this.state);
  }

  /** Says again what they may not know: without WebRTC, just that. */
  #repeat() {
    if (this.pc) this.#negotiation?.repeat();
    else this.#hooks.signal('data', { socketId: this.id });
  }

  /**
   * From here on we have a say in what the connection carries. The side that was there first waits
   * for the newcomer's offer with that, so that no join begins with a collision.
   *
   * @param {RTCPeerConnection} pc
   */
  #attach(pc) {
    if (this.#senders) return;
    this.#channel.open(pc);
    this.#senders = new Senders(pc, this.#hooks.publications);
  }

  /**
   * @param {RTCSessionDescription} sdp
   * @param {number} [round]
   */
  #sendDescription(sdp, round) {
    try {
      this.#hooks.signal(sdp.type, { socketId: this.id, sdp, streams: this.#senders?.sources ?? {}, round });
    } catch (error) {
      this.#hooks.emit('error', /** @type {SwitchboardError} */ (error));
    }
  }

  /** @param {RTCIceCandidate} candidate */
  #sendCandidate(candidate) {
    this.#hooks.signal('ice_candidate', { socketId: this.id, ...candidate.toJSON(), label: candidate.sdpMLineIndex });
  }

  /** Not one of ours (SkyRTC): nobody would answer on the channel, nor give way when offers collide. */
  #getAlong() {
    this.#channel.close();
    if (this.#negotiation) this.#negotiation.isPolite = true;
  }

  #connectionChanged() {
    this.#hooks.emit('peerstate', this, this.state);
    if (this.state === 'connected') this.#foundAWay();
    if (this.state === 'failed') this.#lostItsWay();
  }

  #foundAWay() {
    this.#timers.clear('patience');
    this.#isCutOff = false;
  }

  #lostItsWay() {
    if (this.#isCutOff) this.#channel.drop();
    else if (!this.#timers.has('patience')) this.#timers.set('patience', PATIENCE_MS, () => this.#cutOff());
    this.#endIfLingering();
  }

  #cutOff() {
    this.#isCutOff = true;
    this.#channel.drop();
    this.#fail('No way through the network to a peer was found.');
  }

  #endIfLingering() {
    if (this.#isLingering) this.#hooks.gone();
  }

  /**
   * @param {string} message
   * @param {unknown} [cause]
   */
  #fail(message, cause) {
    this.#hooks.emit('error', new SwitchboardError('peer_failed', message, { peerId: this.id, cause }));
  }
}

/**
 * All of them: only one is proven, and not told which.
 *
 * @param {RTCSessionDescription | null} [description]
 */
function fingerprintsIn(description) {
  return [...new Set(description?.sdp.match(/a=fingerprint:.*/g))].join();
}
