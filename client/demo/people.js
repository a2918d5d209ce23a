import { displayName } from './names.js';

/** @import { Peer } from '../switchboard.js' */

/**
 * What a peer tells about itself: anybody may be in the room, so it can be anything.
 *
 * @param {Peer} peer
 * @returns {{ name?: unknown, microphone?: unknown, camera?: unknown }}
 */
export function infoOf({ info }) {
  return info !== null && typeof info === 'object' && !Array.isArray(info) ? info : {};
}

/** @param {Peer} peer */
export function nameOf(peer) {
  return displayName(infoOf(peer).name);
}
