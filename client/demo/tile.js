import { displayName, initials } from './names.js';
import { find, fromTemplate } from './page.js';
import { write } from './words.js';

/** @import { Tell } from './words.js' */

/** One person, or one screen: the picture, or initials while there is none. */
export class Tile {
  element;
  #video;
  #pin;
  /** @type {Tell} */
  #title = () => '';

  /** @param {HTMLElement} [element] */
  constructor(element = document.createElement('article')) {
    this.element = element;
    element.classList.add('tile');
    element.append(fromTemplate('tile'));
    this.#video = /** @type {HTMLVideoElement} */ (find(element, 'video'));
    this.#pin = find(element, '.pin');
  }

  /** Your own tile: like a mirror, and without your own voice. */
  static ofYourself(/** @type {HTMLElement | undefined} */ element = undefined) {
    const tile = new Tile(element);
    tile.element.classList.add('own');
    tile.#video.muted = true;
    return tile;
  }

  /** A screen is shown whole, and has no voice that somebody would hear twice if it is your own. */
  static ofScreen({ isOwn = false } = {}) {
    const tile = new Tile();
    tile.element.classList.add('screen');
    tile.#video.muted = isOwn;
    return tile;
  }

  /**
   * @param {unknown} told
   * @param {Tell} [tellCaption] where it isn't just the name
   */
  setName(told, tellCaption) {
    const name = () => displayName(told);
    this.setTitle(name, tellCaption ?? name);
    this.setInitials(told);
  }

  /** @param {unknown} told a name */
  setInitials(told) {
    write(find(this.element, '.initials'), () => initials(displayName(told)));
  }

  /**
   * @param {Tell} tell
   * @param {Tell} [tellCaption]
   */
  setTitle(tell, tellCaption = tell) {
    write(this.element, tell, 'aria-label');
    write(find(this.element, '.name'), tellCaption);
    this.#title = tell;
    this.#tellPin();
  }

  /** @param {MediaStream | null} stream */
  setStream(stream) {
    if (this.#video.srcObject !== stream) this.#video.srcObject = stream;
  }

  /** Goes on after it was out of sight, which pauses it in some browsers. */
  play() {
    this.#video.play().catch(() => {}); // there is nothing to play, or not yet
  }

  /**
   * @param {{ microphone: boolean, camera: boolean }} devices
   */
  setDevices({ microphone, camera }) {
    find(this.element, '.muted').toggleAttribute('hidden', microphone);
    this.#video.hidden = !camera;
  }

  /** @param {Tell} tell */
  setStatus(tell) {
    write(find(this.element, '.status'), tell);
  }

  /** @param {boolean} isAway */
  setAway(isAway) {
    this.element.classList.toggle('away', isAway);
  }

  /** @param {boolean} isSpeaking */
  setSpeaking(isSpeaking) {
    this.element.classList.toggle('speaking', isSpeaking);
  }

  /** @param {() => void} pin */
  onPin(pin) {
    this.#pin.addEventListener('click', pin);
    this.#video.addEventListener('dblclick', pin);
  }

  get isPinned() {
    return this.element.classList.contains('pinned');
  }

  /** @param {boolean} isPinned */
  setPinned(isPinned) {
    this.element.classList.toggle('pinned', isPinned);
    this.#pin.setAttribute('aria-pressed', String(isPinned));
    this.#tellPin();
  }

  /** What of the picture is there, in pixels. */
  get size() {
    return { width: this.#video.videoWidth, height: this.#video.videoHeight };
  }

  /** @param {[Tell, Tell][] | null} rows null: not shown */
  setStats(rows) {
    const list = find(this.element, '.stats');
    list.hidden = !rows?.length;
    list.replaceChildren(...(rows ?? []).flatMap(([tell, value]) => [described('dt', tell), described('dd', value)]));
  }

  #tellPin() {
    write(this.#pin, (t) => (this.isPinned ? t.unpin : t.pin)(this.#title(t)), 'aria-label');
  }
}

/**
 * @param {'dt' | 'dd'} tag
 * @param {Tell} tell
 */
function described(tag, tell) {
  const element = document.createElement(tag);
  write(element, tell);
  return element;
}
