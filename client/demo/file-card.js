import { displaySize } from './format.js';
import { visible } from './names.js';
import { find, fromTemplate } from './page.js';
import { write } from './words.js';

/** @import { Chat } from './chat.js' */
/** @import { Tell } from './words.js' */

const THUMBNAIL = 240;
/** Larger ones would take the memory of the call. */
const LARGEST_PICTURE = 20_000_000;

/** A file in the chat: its name, how far it is, and what can be done about it. */
export class FileCard {
  #card;
  #name;

  /**
   * @param {Chat} chat
   * @param {unknown} from
   * @param {{ name: string, size: number }} file
   * @param {{ own?: boolean }} [options]
   */
  constructor(chat, from, { name, size }, options) {
    const entry = fromTemplate('file');
    this.#card = find(entry, '.card');
    this.#name = visible(name) || 'file';
    find(entry, '.file-name').textContent = this.#name;
    write(find(entry, '.size'), () => displaySize(size));
    chat.add(entry, from, options);
  }

  /** @param {Tell} tell */
  setState(tell) {
    write(find(this.#card, '.state'), tell);
  }

  /** @param {number | null} share from 0 to 1; null: not under way */
  setProgress(share) {
    const bar = /** @type {HTMLProgressElement} */ (find(this.#card, 'progress'));
    bar.hidden = share === null;
    bar.value = share ?? 0;
    write(bar, () => this.#name, 'aria-label');
  }

  /** @param {HTMLElement[]} actions */
  setActions(...actions) {
    find(this.#card, '.actions').replaceChildren(...actions);
  }

  /** Shows it small, if it is a picture.
   * @param {Blob} blob */
  async showPicture(blob) {
    if (!blob.type.startsWith('image/') || blob.size > LARGEST_PICTURE) return;
    const picture = await createImageBitmap(blob).catch(() => null); // it only says that it is one
    if (!picture) return;
    const canvas = /** @type {HTMLCanvasElement} */ (/** @type {unknown} */ (find(this.#card, '.thumbnail')));
    const scale = Math.min(1, THUMBNAIL / Math.max(picture.width, picture.height)) * devicePixelRatio;
    Object.assign(canvas, { width: Math.max(1, picture.width * scale), height: Math.max(1, picture.height * scale), hidden: false });
    canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    write(canvas, (t) => t.pictureOf(this.#name), 'aria-label');
    picture.close();
  }
}

/**
 * @param {Tell} tell
 * @param {() => void} act
 */
export function action(tell, act) {
  const button = document.createElement('button');
  button.type = 'button';
  write(button, tell);
  button.addEventListener('click', act);
  return button;
}
