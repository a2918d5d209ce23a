import { backoff } from './backoff.js';
import { Channel, channelClosed } from './channel.js';
import { SwitchboardError } from './errors.js';
import { Negotiation } from './negotiation.js';
import { Timers } from './timers.js';
import { addTransceiver, shareTransceiver, stopSending } from './transceivers.js';

/** @import { Frame } from './channel.js' */
/** @import { Publication } from './publication.js' */
/** @import { Kind, RoomEvents } from './types.js' */

/** Somebody else in the room, and the connection to them. */
export class Peer {
  /** @readonly @type {string} */
  id;
  /** The connection itself, for what the SDK has no words for.
   * @readonly @type {RTCPeerConnection} */
  pc;
  #polite;
  #info;
  #away;
  #hooks;
  #channel;
  #negotiation;
  #attached = false;
  /** Times in a row that the gateway couldn't take what we sent this peer. */
  #undelivered = 0;
  #timers = new Timers();
  /** @type {Map<string, { stream: MediaStream, source: string }>} */
  #streams = new Map();
  /** @type {Map<string, unknown>} */
  #sources = new Map();
  /** @type {Map<Publication, Map<Kind, RTCRtpTransceiver>>} */
  #sending = new Map();

  /**
   * @internal
   * @param {{ socketId: string, info: any, away?: boolean }} introduction
   * @param {RTCPeerConnection} pc
   * @param {boolean} polite true: we came later, so we offer, and give way when offers collide
   * @param {{
   *   signal: (eventName: string, data: { socketId: string, [field: string]: unknown }) => void,
   *   emit: <E extends keyof RoomEvents>(event: E, ...args: Parameters<RoomEvents[E]>) => void,
   *   publications: Iterable<Publication>,
   * }} hooks what a peer asks of its room
   */
  constructor({ socketId, info, away = false }, pc, polite, hooks) {
    this.id = socketId;
    this.pc = pc;
    this.#info = info;
    this.#away = away;
    this.#polite = polite;
    this.#hooks = hooks;
    this.#channel = new Channel((data, channel) => hooks.emit('message', this, data, channel));
    this.#negotiation = new Negotiation(pc, polite, {
      sendDescription: (description, round) => this.#sendDescription(description, round),
      sendCandidate: (candidate) => this.#sendCandidate(candidate),
      beforeAnswer: () => this.#attach(),
      onerror: (cause) => this.#fail('The connection to a peer could not be negotiated.', cause),
    });
    pc.addEventListener('track', (event) => this.#receiveTrack(event));
    pc.addEventListener('connectionstatechange', () => this.#connectionChanged());
    if (polite) this.#attach();
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

  get state() {
    return this.pc.connectionState;
  }

  /** What this peer sends, by stream id.
   * @returns {ReadonlyMap<string, { stream: MediaStream, source: string }>} */
  get streams() {
    return this.#streams;
  }

  /** Looks for a new way through the network. */
  restartIce() {
    this.pc.restartIce();
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

  /**
   * @internal
   * @param {Frame} frame
   * @returns {Promise<void>}
   */
  async send(frame) {
    if (this.state === 'failed') throw channelClosed();
    await this.#channel.send(frame);
  }

  /** @internal @param {Publication} publication */
  publish(publication) {
    if (this.#attached) this.#startSending(publication, addTransceiver);
  }

  /**
   * @internal
   * @param {Publication} publication
   * @param {Kind} kind
   */
  async replaceTrack(publication, kind) {
    const transceiver = this.#sending.get(publication)?.get(kind);
    if (transceiver) await transceiver.sender.replaceTrack(publication.tracks.get(kind) ?? null);
    else this.publish(publication);
  }

  /** @internal @param {Publication} publication */
  unpublish(publication) {
    this.#sending.get(publication)?.forEach((transceiver) => stopSending(this.pc, transceiver));
    this.#sending.delete(publication);
  }

  /**
   * @internal
   * @param {'offer' | 'answer'} type
   * @param {{ sdp: RTCSessionDescriptionInit | string, streams?: Record<string, unknown>, round?: number }} data
   */
  receiveDescription(type, { sdp, streams, round }) {
    this.#undelivered = 0;
    if (streams) this.#learnSources(streams);
    else this.#channel.close(); // not one of ours (SkyRTC): nobody would answer on it
    this.#negotiation.receiveDescription({ type, sdp: typeof sdp === 'string' ? sdp : sdp?.sdp }, round);
  }

  /** @internal @param {Omit<RTCIceCandidateInit, 'candidate'> & { candidate?: string | null, label?: number }} data null: there are no more */
  receiveCandidate({ candidate, sdpMid, sdpMLineIndex, label, usernameFragment }) {
    const section = { sdpMid, sdpMLineIndex: sdpMLineIndex ?? label };
    this.#negotiation.receiveCandidate({ candidate: candidate ?? '', usernameFragment, ...section });
  }

  /** @internal The gateway couldn't take what we sent. After a while it may. */
  repeatLater(afterMs = 0) {
    if (this.#timers.has('repeat')) return;
    this.#timers.set('repeat', afterMs + backoff(++this.#undelivered), () => this.#negotiation.repeat());
  }

  /** @internal The gateway may have lost what it had taken, from both of us. */
  repeatIfHanging() {
    if (this.#negotiation.isHanging) this.#negotiation.repeat();
  }

  /** @internal */
  close() {
    this.#timers.clearAll();
    this.#channel.close();
    this.pc.close();
    for (const { stream } of [...this.#streams.values()]) this.#endStream(stream);
  }

  /**
   * From here on we have a say in what the connection carries. The side that was there first waits
   * for the newcomer's offer with that, so that no join begins with a collision.
   */
  #attach() {
    if (this.#attached) return;
    this.#attached = true;
    this.#channel.open(this.pc);
    for (const publication of this.#hooks.publications) this.#startSending(publication, shareTransceiver);
  }

  /**
   * @param {Publication} publication
   * @param {typeof addTransceiver} openTransceiver
   */
  #startSending(publication, openTransceiver) {
    const transceivers = this.#sending.get(publication) ?? new Map();
    this.#sending.set(publication, transceivers);
    for (const [kind, track] of publication.tracks) {
      if (track && !transceivers.has(kind)) transceivers.set(kind, openTransceiver(this.pc, track, publication.stream));
    }
  }

  /**
   * @param {RTCSessionDescription} sdp
   * @param {number} [round]
   */
  #sendDescription(sdp, round) {
    const streams = Object.fromEntries([...this.#sending.keys()].map(({ stream, source }) => [stream.id, source]));
    this.#hooks.signal(sdp.type, { socketId: this.id, sdp, streams, round });
  }

  /** @param {RTCIceCandidate} candidate */
  #sendCandidate(candidate) {
    this.#hooks.signal('ice_candidate', { socketId: this.id, ...candidate.toJSON(), label: candidate.sdpMLineIndex });
  }

  /** @param {Record<string, unknown>} streams */
  #learnSources(streams) {
    for (const [id, source] of Object.entries(streams)) this.#sources.set(id, source);
  }

  /** @param {RTCTrackEvent} event */
  #receiveTrack({ track, streams: [stream = new MediaStream([track])] }) {
    if (this.#streams.has(stream.id)) return;
    const told = this.#sources.get(stream.id);
    const source = typeof told === 'string' ? told : 'camera';
    this.#streams.set(stream.id, { stream, source });
    stream.addEventListener('removetrack', () => {
      if (stream.getTracks().length === 0) this.#endStream(stream);
    });
    this.#hooks.emit('stream', this, stream, source);
  }

  /** @param {MediaStream} stream */
  #endStream(stream) {
    if (this.#streams.delete(stream.id)) this.#hooks.emit('streamend', this, stream);
  }

  #connectionChanged() {
    this.#hooks.emit('peerstate', this, this.state);
    if (this.state !== 'failed') return;
    this.#channel.drop();
    this.#fail('No way through the network to a peer was found.');
    if (this.#polite) this.restartIce();
  }

  /**
   * @param {string} message
   * @param {unknown} [cause]
   */
  #fail(message, cause) {
    this.#hooks.emit('error', new SwitchboardError('peer_failed', message, { peerId: this.id, cause }));
  }
}
