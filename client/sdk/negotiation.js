/**
 * Perfect negotiation: either side of a connection may change it at any time, and when both do so
 * at once the polite one gives way. (W3C WebRTC, section 10.7.)
 */
export class Negotiation {
  #pc;
  #polite;
  #hooks;
  #makingOffer = false;
  #ignoringOffer = false;
  /** @type {RTCIceCandidateInit[]} */
  #earlyCandidates = [];
  /** @type {Promise<unknown>} */
  #received = Promise.resolve();

  /**
   * @param {RTCPeerConnection} pc
   * @param {boolean} polite
   * @param {{
   *   sendDescription: (description: RTCSessionDescription) => void,
   *   sendCandidate: (candidate: RTCIceCandidate) => void,
   *   beforeAnswer: () => void,
   *   onerror: (cause: unknown) => void,
   * }} hooks
   */
  constructor(pc, polite, hooks) {
    this.#pc = pc;
    this.#polite = polite;
    this.#hooks = hooks;
    pc.addEventListener('negotiationneeded', () => this.#guard(() => this.#offer()));
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate) hooks.sendCandidate(candidate);
    });
  }

  /** @param {RTCSessionDescriptionInit} description */
  receiveDescription(description) {
    this.#inTurn(() => this.#applyDescription(description));
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

  /** @param {RTCSessionDescriptionInit} description */
  async #applyDescription(description) {
    const isOffer = description.type === 'offer';
    const collides = isOffer && (this.#makingOffer || this.#pc.signalingState !== 'stable');
    this.#ignoringOffer = collides && !this.#polite;
    if (this.#ignoringOffer) return;

    await this.#pc.setRemoteDescription(description);
    for (const candidate of this.#earlyCandidates.splice(0)) await this.#guard(() => this.#applyCandidate(candidate));
    if (!isOffer) return;

    this.#hooks.beforeAnswer();
    await this.#describe();
  }

  /** @param {RTCIceCandidateInit} candidate */
  async #applyCandidate(candidate) {
    if (!this.#pc.remoteDescription) {
      if (!this.#ignoringOffer) this.#earlyCandidates.push(candidate);
      return;
    }
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      if (!this.#ignoringOffer) throw error;
    }
  }

  /** The browser knows whether an offer or an answer is due. */
  async #describe() {
    await this.#pc.setLocalDescription();
    const description = this.#pc.localDescription;
    if (description) this.#hooks.sendDescription(description);
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
