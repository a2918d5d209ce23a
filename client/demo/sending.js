import { SwitchboardError } from '../switchboard.js';
import { action, FileCard } from './file-card.js';
import { displayNames, displaySize } from './format.js';
import { nameOf } from './people.js';

/** @import { Room } from '../switchboard.js' */
/** @import { Chat } from './chat.js' */
/** @import { Words } from './i18n/en.js' */

/** @typedef {'waiting' | 'going' | 'done' | 'file_refused' | 'peer_gone' | 'channel_closed' | 'aborted' | 'other'} Progress */
/** @typedef {{ name: string, bytes: number, progress: Progress }} Recipient */

/** A file on its way to everybody who is in the room now: one entry in the chat, however many get it. */
export class Sending {
  #card;
  #file;
  #control = new AbortController();
  /** @type {Recipient[]} */
  #recipients = [];

  /**
   * @param {Room} room
   * @param {Chat} chat
   * @param {string} ownName
   * @param {File} file
   */
  constructor(room, chat, ownName, file) {
    this.#file = file;
    this.#card = new FileCard(chat, ownName, file, { own: true });
    this.#card.setActions(action((t) => t.cancel, () => this.#control.abort()));
    this.#card.showPicture(file);
    for (const peer of room.peers.values()) this.#sendTo(room, peer.id, nameOf(peer));
    this.#show();
  }

  /**
   * @param {Room} room
   * @param {string} id
   * @param {string} name
   */
  async #sendTo(room, id, name) {
    /** @type {Recipient} */
    const recipient = { name, bytes: 0, progress: 'waiting' };
    this.#recipients.push(recipient);
    const onProgress = (/** @type {number} */ bytes) => {
      Object.assign(recipient, { bytes, progress: 'going' });
      this.#show();
    };
    try {
      await room.sendFile(this.#file, { to: id, name: this.#file.name, onProgress, signal: this.#control.signal });
      recipient.progress = 'done';
    } catch (error) {
      recipient.progress = outcomeOf(error);
    }
    this.#show();
  }

  #show() {
    this.#card.setState((t) => this.#sentence(t));
    this.#card.setProgress(this.#isUnderWay ? this.#share : null);
    if (!this.#isUnderWay) this.#card.setActions();
  }

  get #isUnderWay() {
    return this.#those('waiting', 'going').length > 0;
  }

  /** Of all that is to be sent: who doesn't want it doesn't count. */
  get #share() {
    const receiving = this.#those('waiting', 'going', 'done');
    const bytes = receiving.reduce((sum, { bytes, progress }) => sum + (progress === 'done' ? this.#file.size : bytes), 0);
    return bytes / Math.max(1, this.#file.size * receiving.length);
  }

  /** @param {Words} t */
  #sentence(t) {
    const names = (/** @type {Progress} */ progress) => displayNames(this.#those(progress).map(({ name }) => name));
    const parts = [];
    if (this.#those('waiting').length > 0) parts.push(t.waitingFor(names('waiting')));
    if (this.#those('going').length > 0) parts.push(t.someOf(displaySize(this.#share * this.#file.size), displaySize(this.#file.size)));
    if (this.#those('done').length > 0) parts.push(t.hasIt(names('done'), this.#those('done').length));
    if (this.#those('file_refused').length > 0) parts.push(t.refused(names('file_refused')));
    if (this.#those('peer_gone').length > 0) parts.push(t.goneBefore(names('peer_gone')));
    if (this.#those('channel_closed').length > 0) parts.push(t.cannotTake(names('channel_closed')));
    if (this.#those('other').length > 0) parts.push(t.notThere(names('other')));
    if (this.#those('aborted').length > 0) parts.push(t.youCancelled);
    return parts.join(' · ');
  }

  /** @param {Progress[]} wanted */
  #those(...wanted) {
    return this.#recipients.filter(({ progress }) => wanted.includes(progress));
  }
}

/**
 * @param {unknown} error
 * @returns {Progress}
 */
function outcomeOf(error) {
  const told = error instanceof SwitchboardError ? error.code : '';
  return told === 'file_refused' || told === 'peer_gone' || told === 'channel_closed' || told === 'aborted' ? told : 'other';
}
