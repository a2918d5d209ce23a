import { clock } from './format.js';
import { byId, setText } from './page.js';

/** @import { Remark } from './verdict.js' */

/** How long it is told what was done. */
const DEED_MS = 8000;

/** The line on top: is it well? And what was done last. */
export class Status {
  #line = byId('verdict');
  #more = byId('remarks');
  #freshness = byId('freshness');
  #deed = byId('deed');
  #answered = new Date();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Remark[]} remarks */
  answered(remarks) {
    this.#answered = new Date();
    this.#show(remarks);
    setText(this.#freshness, `Live, ${clock(this.#answered)}`);
    document.body.classList.remove('stale');
  }

  /** @param {string} sentence */
  failed(sentence) {
    this.#show([{ level: 'alarm', sentence }, { level: 'notice', sentence: `The last good answer is of ${clock(this.#answered)}. Asking again…` }]);
    setText(this.#freshness, `As of ${clock(this.#answered)}`);
    document.body.classList.add('stale');
  }

  /**
   * @param {string} sentence
   * @param {boolean} [isFailure]
   */
  did(sentence, isFailure = false) {
    clearTimeout(this.#timer);
    this.#deed.classList.toggle('failure', isFailure);
    setText(this.#deed, sentence);
    this.#timer = setTimeout(() => setText(this.#deed, ''), DEED_MS);
  }

  /** @param {Remark[]} remarks Worst first. */
  #show([first, ...others]) {
    document.body.dataset.level = first.level;
    setText(this.#line, first.sentence);
    setText(this.#more, others.map(({ sentence }) => sentence).join(' · '));
    document.title = `${first.sentence} – Switchboard`;
  }
}
