import { listDevices, memoryKey } from './devices.js';
import { recall, remember } from './memory.js';

const KEY = memoryKey('speaker');

/** Where the others are heard: '' for the one that the system chose. Tells with `gone` when it was unplugged. */
export class Speaker extends EventTarget {
  #id = recall(KEY);

  constructor() {
    super();
    if (this.isChoosable) navigator.mediaDevices?.addEventListener('devicechange', () => this.#check());
  }

  get isChoosable() {
    return 'setSinkId' in HTMLMediaElement.prototype;
  }

  get id() {
    return this.#id;
  }

  /** @param {string} id */
  choose(id) {
    this.#id = id;
    remember(KEY, id);
    this.apply();
  }

  /** To all that is heard on the page. */
  apply() {
    if (!this.isChoosable) return;
    for (const video of document.querySelectorAll('video')) {
      if (video.sinkId !== this.#id) video.setSinkId(this.#id).catch(() => {}); // one that isn't there: the system's goes on
    }
  }

  async #check() {
    const speakers = await listDevices('speaker');
    if (this.#id === '' || speakers.some(({ deviceId }) => deviceId === this.#id)) return;
    this.choose('');
    this.dispatchEvent(new Event('gone'));
  }
}
