import { SwitchboardError } from '../switchboard.js';
import { action, FileCard } from './file-card.js';
import { displaySize } from './format.js';
import { infoOf } from './people.js';
import { displayName } from './names.js';
import { write } from './words.js';

/** @import { IncomingFile } from '../switchboard.js' */
/** @import { Chat } from './chat.js' */

/** A file that somebody offers: nothing of it comes before you say so. */
export class Receiving {
  #card;
  #file;
  /** As they were called when they offered it. */
  #sender;
  #control = new AbortController();
  #isAnswered = false;
  #onblob;

  /**
   * @param {IncomingFile} file
   * @param {Chat} chat
   * @param {(address: string) => void} onaddress told of the address under which the page keeps the file
   */
  constructor(file, chat, onaddress) {
    this.#file = file;
    this.#sender = infoOf(file.from).name;
    this.#onblob = onaddress;
    this.#card = new FileCard(chat, this.#sender, file);
    this.#card.setState((t) => t.offers(this.#name));
    const accept = action((t) => t.accept, () => this.#accept());
    accept.className = 'primary';
    this.#card.setActions(accept, action((t) => t.refuse, () => this.#refuse()));
    file.ended.then(() => {
      if (!this.#isAnswered) this.#receive(); // which tells why
    });
  }

  get #name() {
    return displayName(this.#sender);
  }

  #refuse() {
    this.#isAnswered = true;
    this.#file.refuse();
    this.#card.setActions();
    this.#card.setState((t) => t.youRefused);
  }

  #accept() {
    this.#isAnswered = true;
    this.#showProgress(0);
    this.#card.setActions(action((t) => t.cancel, () => this.#control.abort()));
    this.#receive();
  }

  async #receive() {
    try {
      const onProgress = (/** @type {number} */ bytes) => this.#showProgress(bytes);
      this.#offer(await this.#file.accept({ onProgress, signal: this.#control.signal }));
    } catch (error) {
      this.#card.setActions();
      this.#showFailure(error instanceof SwitchboardError ? error.code : '');
    }
    this.#card.setProgress(null);
  }

  /** @param {number} bytes */
  #showProgress(bytes) {
    const { size } = this.#file;
    this.#card.setProgress(bytes / Math.max(1, size));
    this.#card.setState((t) => t.someOf(displaySize(bytes), displaySize(size)));
  }

  /** @param {Blob} blob */
  #offer(blob) {
    const address = URL.createObjectURL(blob);
    this.#onblob(address);
    const link = Object.assign(document.createElement('a'), { href: address, download: this.#file.name, className: 'button' });
    write(link, (t) => t.download);
    this.#card.setActions(link);
    this.#card.setState((t) => t.received);
    this.#card.showPicture(blob);
  }

  /** @param {string} code */
  #showFailure(code) {
    this.#card.setState((t) => {
      if (this.#control.signal.aborted) return t.youCancelled;
      if (code === 'file_refused') return t.theyCancelled(this.#name);
      return code === 'peer_gone' ? t.senderLeft(this.#name) : t.notReceived;
    });
  }
}
