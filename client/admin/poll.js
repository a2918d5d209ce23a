/** Asks again and again while somebody looks, one question at a time. */
export class Poll {
  #ask;
  #everyMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isOn = false;
  #isAsking = false;
  #isWanted = false;

  /**
   * @param {() => Promise<void>} ask
   * @param {number} everyMs
   */
  constructor(ask, everyMs) {
    this.#ask = ask;
    this.#everyMs = everyMs;
    document.addEventListener('visibilitychange', () => this.now());
  }

  start() {
    this.#isOn = true;
    this.now();
  }

  stop() {
    this.#isOn = false;
    clearTimeout(this.#timer);
  }

  /** Asks at once, or as soon as what is under way is over. */
  async now() {
    if (this.#isAsking) this.#isWanted = true;
    if (this.#isAsking || !this.#isOn || document.hidden) return;
    clearTimeout(this.#timer);
    const begun = performance.now();
    this.#isAsking = true;
    this.#isWanted = false;
    try {
      await this.#ask();
    } finally {
      this.#isAsking = false;
      this.#goOn(begun);
    }
  }

  /** @param {number} begun */
  #goOn(begun) {
    if (!this.#isOn) return;
    const restMs = this.#isWanted ? 0 : Math.max(0, begun + this.#everyMs - performance.now());
    this.#timer = setTimeout(() => this.now(), restMs);
  }
}
