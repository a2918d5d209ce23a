import { SwitchboardError } from '../switchboard.js';
import { Call } from './call.js';
import { joinFailure } from './failures.js';
import { Hardware } from './hardware.js';
import { Lobby } from './lobby.js';
import { translate } from './words.js';

translate(document);
const hardware = new Hardware();
const lobby = new Lobby(hardware, join);
const call = new Call(hardware, () => lobby.show());
document.body.hidden = false; // all at once, with its words: nothing moves about

/**
 * @param {string} name
 * @param {string} room
 */
async function join(name, room) {
  lobby.setJoining(true);
  try {
    await call.join(name, room);
    history.replaceState(null, '', `#${encodeURIComponent(room)}`);
    lobby.hide();
  } catch (error) {
    if (wasCalledElsewhere(error)) return await join(name, lobby.room);
    lobby.showJoinFailure(joinFailure(/** @type {any} */ (error)));
  } finally {
    lobby.setJoining(false);
  }
}

/**
 * The address changed on the way.
 *
 * @param {unknown} error
 */
function wasCalledElsewhere(error) {
  return error instanceof SwitchboardError && error.code === 'aborted';
}

addEventListener('hashchange', () => call.leave());
