/** @import { Tell } from './words.js' */

/**
 * Tells who comes and who goes. When you lost your own connection and joined anew, everybody seems to go and to come
 * again: then only who really went, or really came, is told of.
 */
export class Comings {
  #tell;
  /** Names of those whom we lost sight of.
   * @type {string[]} */
  #outOfSight = [];

  /** @param {(tell: Tell) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /** @param {string} name */
  came(name) {
    const index = this.#outOfSight.indexOf(name);
    if (index < 0) this.#tell((t) => t.joined(name));
    else this.#outOfSight.splice(index, 1);
  }

  /**
   * @param {string} name
   * @param {string} reason
   */
  went(name, reason) {
    this.#tell((t) => (reason === 'lost' ? t.lost : t.left)(name));
  }

  /** @param {string} name */
  lostSightOf(name) {
    this.#outOfSight.push(name);
  }

  /** Everybody who is still there was told of. */
  settle() {
    for (const name of this.#outOfSight.splice(0)) this.went(name, 'left');
  }

  clear() {
    this.#outOfSight = [];
  }
}
