/** So many candidates wait for their description. */
const MOST_EARLY = 256;

/**
 * Perfect negotiation: either side of a connection may change it at any time, and when both do so
 * at once the polite one gives way. (W3C WebRTC, section 10.7.)
 *
 * Each side's offers are numbered: their *round*. An answer names the round of its offer. So what may
 * have been lost can be said again, by either side and any number of times: an offer that was answered
 * gets the same answer again, and an answer to another offer than the open one is dropped.
 */
export class Negotiation {
  /** Whether we give way. */
  isPolite;
  #pc;
  #hooks;
  #makingOffer = false;
  #ignoringOffer = false;
  /** Of our last offer. */
  #round = 0;
  /** Of the other side's last offer that we took, where it numbers them.
   * @type {number | undefined} */
  #takenRound;
  /** Ours. @type {RTCIceCandidate[]} */
  #candidates = [];
  /** @type {RTCIceCandidateInit[]} */
  #earlyCandidates = [];
  /** @type {Promise<unknown>} */
  #received = Promise.resolve();

  /**
   * @param {RTCPeerConnection} pc
   * @param {boolean} polite
   * @param {{
   *   sendDescription: (description: RTCSessionDescription, round?: number) => void,
   *   sendCandidate: (candidate: RTCIceCandidate) => void,
   *   beforeAnswer: () => void,
   *   onerror: (cause: unknown) => void,
   * }} hooks
   */
  constructor(pc, polite, hooks) {
    this.#pc = pc;
    this.isPolite = polite;
    this.#hooks = hooks;
    pc.addEventListener('negotiationneeded', () => this.#guard(() => this.#offer()));
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (!candidate) return;
      this.#candidates.push(candidate);
      hooks.sendCandidate(candidate);
    });
  }

  /** Something between us may be lost and not be on its way. */
  get isHanging() {
    return this.#pc.signalingState !== 'stable' || this.#pc.connectionState !== 'connected';
  }

  /** Says again what the other side has to know. What it knows is no news to it. */
  repeat() {
    const { currentLocalDescription: settled, pendingLocalDescription: open } = this.#pc;
    if (settled?.type === 'answer') this.#hooks.sendDescription(settled, this.#takenRound);
    if (open?.type === 'offer') this.#hooks.sendDescription(open, this.#round);
    for (const candidate of this.#candidates) this.#hooks.sendCandidate(candidate);
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {number} [round]
   */
  receiveDescription(description, round) {
    this.#inTurn(() => (description.type === 'offer' ? this.#takeOffer(description, round) : this.#takeAnswer(description, round)));
  }

  /** @param {RTCIceCandidateInit} candidate */
  receiveCandidate(candidate) {
    this.#inTurn(() => this.#applyCandidate(candidate));
  }

  async #offer() {
    try {
      this.#makingOffer = true;
      await this.#describe();
    } finally {
      this.#makingOffer = false;
    }
  }

  /**
   * @param {RTCSessionDescriptionInit} offer
   * @param {number} [round]
   */
  async #takeOffer(offer, round) {
    if (round !== undefined && round === this.#takenRound) return this.repeat();
    const collides = this.#makingOffer || this.#pc.signalingState !== 'stable';
    this.#ignoringOffer = collides && !this.isPolite;
    if (this.#ignoringOffer) return;

    await this.#apply(offer);
    this.#takenRound = round;
    this.#hooks.beforeAnswer();
    await this.#describe();
  }

  /**
   * @param {RTCSessionDescriptionInit} answer
   * @param {number} [round]
   */
  async #takeAnswer(answer, round = this.#round) {
    const isOpen = this.#pc.signalingState === 'have-local-offer' && round === this.#round;
    if (!isOpen) return;
    this.#ignoringOffer = false;
    await this.#apply(answer);
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #apply(description) {
    await this.#pc.setRemoteDescription(description);
    for (const candidate of this.#earlyCandidates.splice(0)) await this.#guard(() => this.#applyCandidate(candidate));
  }

  /** @param {RTCIceCandidateInit} candidate */
  async #applyCandidate(candidate) {
    if (this.#isEarly(candidate)) {
      if (!this.#ignoringOffer && this.#earlyCandidates.length < MOST_EARLY) this.#earlyCandidates.push(candidate);
      return;
    }
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      if (!this.#ignoringOffer) throw error;
    }
  }

  /**
   * The description with its media section is still to come: it may be lost, and come again.
   *
   * @param {RTCIceCandidateInit} candidate
   */
  #isEarly({ sdpMLineIndex }) {
    const sections = this.#pc.remoteDescription?.sdp.split('\nm=').length ?? 0;
    return sections < 2 + (sdpMLineIndex ?? 0);
  }

  /** The browser knows whether an offer or an answer is due. */
  async #describe() {
    await this.#pc.setLocalDescription();
    const description = this.#pc.localDescription;
    if (!description) return;
    this.#candidates = this.#candidates.filter(({ usernameFragment }) => description.sdp.includes(`a=ice-ufrag:${usernameFragment}\r\n`));
    this.#hooks.sendDescription(description, description.type === 'offer' ? ++this.#round : this.#takenRound);
  }

  /**
   * What the other side sent takes effect in the order it was sent.
   *
   * @param {() => Promise<void>} step
   */
  #inTurn(step) {
    this.#received = this.#received.then(() => this.#guard(step));
  }

  /** @param {() => Promise<void>} step */
  async #guard(step) {
    try {
      await step();
    } catch (error) {
      if (this.#pc.signalingState !== 'closed') this.#hooks.onerror(error);
    }
  }
}
