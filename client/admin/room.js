import { ApiError } from './api.js';
import { BroadcastForm } from './broadcast.js';
import { counted, span } from './format.js';
import { Connections } from './members.js';
import { byId, part, setText } from './page.js';
import { Rows } from './rows.js';

/** @import { Api } from './api.js' */
/** @import { Member, Room } from './types.js' */
/** @import { Event } from './broadcast.js' */

/** More than anybody reads. */
const SHOWN = 200;

/**
 * @typedef {object} Deeds
 * @property {(socketId: string, room: string) => void} kick
 * @property {(room: string, members: number) => void} close
 * @property {(room: string, event: Event) => void} broadcast
 */

/** One room and its members. */
export class RoomView {
  /** The open room. @type {string | null} */
  name = null;
  #connections = new Connections();
  #element = byId('room-panel');
  #title = byId('room-title');
  #members = 0;
  /** @type {Rows<Member>} */
  #rows;

  /** @param {Deeds} deeds */
  constructor(deeds) {
    this.#rows = new Rows({
      container: byId('members'),
      template: 'member',
      keyOf: ({ socketId }) => socketId,
      fill: (row, member) => this.#fill(row, member, deeds),
      refuge: this.#title,
    });
    part(this.#element, 'close').addEventListener('click', () => this.name !== null && deeds.close(this.name, this.#members));
    new BroadcastForm(part(this.#element, 'broadcast'), (event) => this.name !== null && deeds.broadcast(this.name, event));
  }

  /** @param {string | null} name */
  open(name) {
    if (name !== this.name) this.#rows.show([]);
    this.name = name;
    this.#element.hidden = name === null;
    setText(this.#title, name ?? '');
    this.#tell('', false);
    if (name !== null) this.#title.focus();
  }

  /**
   * @param {Api} api
   * @returns {Promise<Room | null>} Null if it isn't there.
   */
  async ask(api) {
    if (this.name === null) return null;
    try {
      const room = await api.room(this.name);
      await this.#connections.ask(api, room.members.slice(0, SHOWN));
      return room;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  /** @param {Room | null} room */
  show(room) {
    const members = room?.members ?? [];
    this.#members = members.length;
    this.#rows.show(members.slice(0, SHOWN));
    const more = members.length > SHOWN ? `, the first ${SHOWN} shown` : '';
    this.#tell(room ? `${counted(members.length, 'member')}${more}` : 'Nobody is in a room of this name.', room !== null);
  }

  /**
   * @param {string} sentence
   * @param {boolean} isThere
   */
  #tell(sentence, isThere) {
    setText(part(this.#element, 'status'), sentence);
    for (const name of ['close', 'table', 'broadcast']) part(this.#element, name).hidden = !isThere;
  }

  /**
   * @param {HTMLElement} row
   * @param {Member} member
   * @param {Deeds} deeds
   */
  #fill(row, member, deeds) {
    const { address, ageSeconds } = this.#connections.of(member);
    const info = member.info == null ? '' : JSON.stringify(member.info);
    setText(part(row, 'id'), member.socketId);
    setText(part(row, 'info'), info);
    part(row, 'info').title = info;
    setText(part(row, 'node'), member.node ?? '–');
    setText(part(row, 'state'), member.away ? 'away' : 'here');
    part(row, 'state').dataset.level = member.away ? 'notice' : 'well';
    setText(part(row, 'age'), span(ageSeconds));
    setText(part(row, 'address'), address ?? '–');
    const button = /** @type {HTMLButtonElement} */ (part(row, 'kick'));
    button.setAttribute('aria-label', `Kick ${member.socketId}`);
    button.onclick = () => this.name !== null && deeds.kick(member.socketId, this.name);
  }
}
