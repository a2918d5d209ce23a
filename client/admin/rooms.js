import { counted, whole } from './format.js';
import { byId, part, setText } from './page.js';
import { Rows } from './rows.js';

/** @import { Api } from './api.js' */
/** @import { RoomPage, RoomSize } from './types.js' */

const PER_PAGE = 20;
/** A page may be empty and not the last: so many of them are passed over in one go. */
const EMPTY_PAGES = 20;

/** The rooms, a page at a time. */
export class Rooms {
  /** The cursors of the pages up to this one. @type {(string | null)[]} */
  #way = [null];
  /** @type {string | null} */
  #next = null;
  /** The cursor of the page that was asked for last. @type {string | null} */
  #asked = null;
  #element = byId('rooms-panel');
  #previousButton = /** @type {HTMLButtonElement} */ (part(this.#element, 'previous'));
  #nextButton = /** @type {HTMLButtonElement} */ (part(this.#element, 'next'));
  /** @type {Rows<RoomSize>} */
  #rows = new Rows({
    container: byId('rooms'),
    template: 'room-row',
    keyOf: ({ room }) => room,
    fill: fillRow,
    refuge: byId('rooms-title'),
  });

  /** @param {() => void} refresh */
  constructor(refresh) {
    this.#previousButton.addEventListener('click', () => {
      if (this.#way.length > 1) this.#way.pop();
      refresh();
    });
    this.#nextButton.addEventListener('click', () => {
      if (this.#next !== null) this.#way.push(this.#next);
      this.#next = null;
      refresh();
    });
    const search = /** @type {HTMLFormElement} */ (part(this.#element, 'search'));
    search.addEventListener('submit', (event) => {
      event.preventDefault();
      location.hash = hashOf(/** @type {HTMLInputElement} */ (part(search, 'name')).value);
    });
  }

  get #cursor() {
    return this.#way[this.#way.length - 1];
  }

  /** @param {boolean} isShown */
  toggle(isShown) {
    this.#element.hidden = !isShown;
  }

  /** @param {Api} api */
  async ask(api) {
    this.#asked = this.#cursor;
    let page = await api.rooms(this.#asked, PER_PAGE);
    for (let passed = 0; page.rooms.length === 0 && page.cursor !== null && passed < EMPTY_PAGES; passed += 1) {
      page = await api.rooms(page.cursor, PER_PAGE);
    }
    return page;
  }

  /** @param {RoomPage} page */
  show({ rooms, cursor, count }) {
    setText(byId('rooms-count'), count === null ? 'some can’t be reached' : whole(count));
    // Somebody turned the page meanwhile: the one they want is asked for next.
    if (this.#asked !== this.#cursor) return;
    this.#next = cursor;
    this.#rows.show(rooms);
    part(this.#element, 'table').hidden = rooms.length === 0;
    part(this.#element, 'none').hidden = rooms.length > 0;
    setText(part(this.#element, 'none'), this.#way.length > 1 ? 'No more rooms.' : nobody(count));
    part(this.#element, 'pager').hidden = cursor === null && this.#way.length === 1;
    setText(part(this.#element, 'page'), `Page ${this.#way.length}`);
    // Not `disabled`, which would drop the keyboard.
    this.#previousButton.setAttribute('aria-disabled', `${this.#way.length === 1}`);
    this.#nextButton.setAttribute('aria-disabled', `${cursor === null}`);
  }
}

/**
 * What is said of no rooms.
 *
 * @param {number | null} count
 */
function nobody(count) {
  return count === null ? 'Nobody is in a room that can be reached.' : 'Nobody is in a room.';
}

/**
 * The part of this page's address that opens a room.
 *
 * @param {string} room
 */
export function hashOf(room) {
  return `#room/${encodeURIComponent(room)}`;
}

/**
 * @param {HTMLElement} row
 * @param {RoomSize} item
 */
function fillRow(row, { room, members }) {
  const link = /** @type {HTMLAnchorElement} */ (part(row, 'name'));
  setText(link, room);
  link.setAttribute('href', hashOf(room));
  setText(part(row, 'members'), whole(members));
  part(row, 'members').setAttribute('aria-label', counted(members, 'member'));
}
