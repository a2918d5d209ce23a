/**
 * What people read when something fails, and what they can do about it.
 *
 * @typedef {'open-devices' | 'open-securely' | 'join' | 'rename'} Action
 * @typedef {{ sentence: Tell, label: Tell, action: Action }} Failure
 */

/** @import { SwitchboardError } from '../switchboard.js' */
/** @import { Tell } from './words.js' */

/** @type {Record<string, Failure>} */
const MEDIA = {
  media_denied: { sentence: (t) => t.mediaDenied, label: (t) => t.tryAgain, action: 'open-devices' },
  media_not_found: { sentence: (t) => t.mediaNotFound, label: (t) => t.lookAgain, action: 'open-devices' },
  media_in_use: { sentence: (t) => t.mediaInUse, label: (t) => t.tryAgain, action: 'open-devices' },
  insecure_context: { sentence: (t) => t.mediaInsecure, label: (t) => t.openSecurely, action: 'open-securely' },
};

/** @type {Failure} */
const OTHER_MEDIA = { sentence: (t) => t.mediaOther, label: (t) => t.tryAgain, action: 'open-devices' };

/** @type {Record<string, Failure>} */
const JOINING = {
  room_full: { sentence: (t) => t.roomFull, label: (t) => t.tryAgain, action: 'join' },
  bad_room: { sentence: (t) => t.badRoom, label: (t) => t.suggestAnother, action: 'rename' },
  unsupported: { sentence: (t) => t.unsupported, label: (t) => t.tryAgain, action: 'join' },
  unauthorized: { sentence: (t) => t.unauthorized, label: (t) => t.tryAgain, action: 'join' },
  forbidden: { sentence: (t) => t.forbidden, label: (t) => t.suggestAnother, action: 'rename' },
};

/** @type {Failure} */
const OTHER_JOINING = { sentence: (t) => t.unreachable, label: (t) => t.tryAgain, action: 'join' };

/** @type {Record<string, Tell>} */
const LOST = {
  replaced: (t) => t.replaced,
  kicked: (t) => t.kicked,
  room_closed: (t) => t.roomClosed,
  unauthorized: (t) => t.invitationEnded,
};

/**
 * @param {SwitchboardError} error
 * @returns {Failure}
 */
export function mediaFailure({ code }) {
  return MEDIA[code] ?? OTHER_MEDIA;
}

/**
 * @param {SwitchboardError} error
 * @returns {Failure}
 */
export function joinFailure({ code }) {
  return JOINING[code] ?? OTHER_JOINING;
}

/**
 * @param {SwitchboardError} error
 * @returns {Failure}
 */
export function lostFailure({ code }) {
  return { sentence: LOST[code] ?? ((t) => t.roomLost), label: (t) => t.joinAgain, action: 'join' };
}
