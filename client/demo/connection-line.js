import { byId, find } from './page.js';
import { write } from './words.js';

/** @import { StateDetails } from '../switchboard.js' */
/** @import { Tell } from './words.js' */

/** What is over sooner needn't be told. */
const CALM_MS = 1000;
/** How long the good news stays. */
const NEWS_MS = 3000;

/** A line about the way to the server, while there is none. */
export class ConnectionLine {
  #element = byId('connection');
  #sentence = find(this.#element, '[role=status]');
  /** Not read aloud: it changes each second. */
  #countdown = find(this.#element, '[aria-hidden]');
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** When the server is tried again. */
  #retryAt = 0;
  /** @type {Tell | null} */
  #trouble = null;

  /**
   * @param {Tell} trouble
   * @param {StateDetails} details
   */
  lost(trouble, { retryInMs = 0 }) {
    this.#retryAt = performance.now() + retryInMs;
    const isNew = this.#trouble === null;
    this.#trouble = trouble;
    if (isNew) this.#in(CALM_MS, () => this.#count());
  }

  found() {
    const wasShown = this.#isShown;
    this.hide();
    if (!wasShown) return;
    this.#show((t) => t.connectedAgain);
    this.#in(NEWS_MS, () => this.hide());
  }

  hide() {
    clearTimeout(this.#timer);
    this.#trouble = null;
    this.#show(null);
  }

  get #isShown() {
    return this.#element.classList.contains('shown');
  }

  #count() {
    const seconds = Math.round((this.#retryAt - performance.now()) / 1000);
    this.#show(this.#trouble, (t) => (seconds > 0 ? t.tryingIn(seconds) : t.tryingNow));
    this.#in(500, () => this.#count());
  }

  /**
   * @param {Tell | null} sentence
   * @param {Tell} [countdown]
   */
  #show(sentence, countdown = () => '') {
    write(this.#sentence, sentence ?? (() => ''));
    write(this.#countdown, countdown);
    this.#element.classList.toggle('shown', sentence !== null);
  }

  /**
   * @param {number} ms
   * @param {() => void} act
   */
  #in(ms, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }
}
