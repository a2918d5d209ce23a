import { displayName, initials } from './names.js';
import { find, fromTemplate } from './page.js';

/** One person: their picture, or their initials while there is none. */
export class Tile {
  element;
  #video;

  /** @param {HTMLElement} [element] */
  constructor(element = document.createElement('article')) {
    this.element = element;
    element.classList.add('tile');
    element.append(fromTemplate('tile'));
    this.#video = /** @type {HTMLVideoElement} */ (find(element, 'video'));
  }

  /** Your own tile: like a mirror, and without your own voice. */
  static ofYourself(/** @type {HTMLElement | undefined} */ element = undefined) {
    const tile = new Tile(element);
    tile.element.classList.add('own');
    tile.#video.muted = true;
    return tile;
  }

  /**
   * @param {unknown} told
   * @param {string} [addition]
   */
  setName(told, addition = '') {
    const name = displayName(told);
    this.element.setAttribute('aria-label', name);
    find(this.element, '.initials').textContent = initials(name);
    find(this.element, '.name').textContent = name + addition;
  }

  /** @param {MediaStream | null} stream */
  setStream(stream) {
    if (this.#video.srcObject !== stream) this.#video.srcObject = stream;
  }

  /**
   * @param {{ microphone: boolean, camera: boolean }} devices
   */
  setDevices({ microphone, camera }) {
    find(this.element, '.muted').toggleAttribute('hidden', microphone);
    this.#video.hidden = !camera;
  }

  /** @param {string} text */
  setStatus(text) {
    find(this.element, '.status').textContent = text;
  }
}
