import { byId } from './page.js';
import { Receiving } from './receiving.js';
import { Sending } from './sending.js';

/** @import { IncomingFile, Room } from '../switchboard.js' */
/** @import { Chat } from './chat.js' */

/** Files between you and the others, and the ways to give one: a button, or a drop anywhere on the call. */
export class Files {
  #chat;
  #give;
  /** Of what is here, as long as the call is.
   * @type {string[]} */
  #addresses = [];

  /**
   * @param {Chat} chat
   * @param {(files: Iterable<File>) => void} give what somebody gave for everybody
   */
  constructor(chat, give) {
    this.#chat = chat;
    this.#give = give;
    const chooser = /** @type {HTMLInputElement} */ (byId('files'));
    for (const id of ['share-file', 'attach']) byId(id).addEventListener('click', () => chooser.click());
    chooser.addEventListener('change', () => {
      give([...(chooser.files ?? [])]);
      chooser.value = ''; // the same file may be given again
    });
    this.#takeDrops(byId('call'), byId('drop'));
  }

  /**
   * @param {Room} room
   * @param {string} ownName
   * @param {Iterable<File>} files
   */
  send(room, ownName, files) {
    for (const file of files) new Sending(room, this.#chat, ownName, file);
  }

  /** @param {IncomingFile} file */
  receive(file) {
    new Receiving(file, this.#chat, (address) => this.#addresses.push(address));
  }

  /** Forgets what came. */
  clear() {
    for (const address of this.#addresses.splice(0)) URL.revokeObjectURL(address);
  }

  /**
   * @param {HTMLElement} area
   * @param {HTMLElement} hint
   */
  #takeDrops(area, hint) {
    let depth = 0; // entering a child comes before leaving its parent
    const count = (/** @type {number} */ change) => {
      depth = Math.max(0, depth + change);
      hint.hidden = depth === 0;
    };
    area.addEventListener('dragenter', (event) => hasFiles(event) && count(1));
    area.addEventListener('dragleave', (event) => hasFiles(event) && count(-1));
    area.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
    area.addEventListener('drop', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      count(-depth);
      this.#give(event.dataTransfer?.files ?? []);
    });
  }
}

/** @param {DragEvent} event */
function hasFiles({ dataTransfer }) {
  return dataTransfer?.types.includes('Files') ?? false;
}
