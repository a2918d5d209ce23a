/**
 * What people read when something fails, and what they can do about it.
 *
 * @typedef {'open-devices' | 'open-securely' | 'join' | 'rename'} Action
 * @typedef {{ sentence: string, label: string, action: Action }} Failure
 */

/** @import { SwitchboardError } from '../switchboard.js' */

/** @type {Record<string, Failure>} */
const MEDIA = {
  media_denied: {
    sentence: 'The browser keeps your camera and microphone off. Allow them next to the address, or join without.',
    label: 'Try again',
    action: 'open-devices',
  },
  media_not_found: {
    sentence: 'No camera or microphone found. You can join anyway, and see and hear the others.',
    label: 'Look again',
    action: 'open-devices',
  },
  media_in_use: {
    sentence: 'Another program is using your camera or microphone. Close it, or join without.',
    label: 'Try again',
    action: 'open-devices',
  },
  insecure_context: {
    sentence: 'Camera and microphone need a secure (https) page. You can join anyway, and see and hear the others.',
    label: 'Open securely',
    action: 'open-securely',
  },
};

/** @type {Failure} */
const OTHER_MEDIA = {
  sentence: 'This browser could not start camera or microphone. You can join anyway, and see and hear the others.',
  label: 'Try again',
  action: 'open-devices',
};

/** @type {Record<string, Failure>} */
const JOINING = {
  room_full: {
    sentence: 'This room is full. Wait until somebody leaves, or choose another room.',
    label: 'Try again',
    action: 'join',
  },
  bad_room: {
    sentence: 'A room cannot have this name.',
    label: 'Suggest another',
    action: 'rename',
  },
  unsupported: {
    sentence: 'This browser cannot make video calls. Open this page in another one.',
    label: 'Try again',
    action: 'join',
  },
};

/** @type {Failure} */
const OTHER_JOINING = {
  sentence: 'The server cannot be reached. Check your network, then try again.',
  label: 'Try again',
  action: 'join',
};

/** @type {Record<string, string>} */
const LOST = {
  replaced: 'You are in this room by another connection now.',
  kicked: 'You were removed from this room.',
  room_closed: 'This room was closed.',
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
  return { sentence: LOST[code] ?? 'The connection to the room was lost.', label: 'Join again', action: 'join' };
}
