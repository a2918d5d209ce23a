import { SwitchboardError } from '../switchboard.js';
import { Call } from './call.js';
import { Devices } from './devices.js';
import { joinFailure } from './failures.js';
import { Lobby } from './lobby.js';

const devices = new Devices();
const lobby = new Lobby(devices, join);
const call = new Call(devices, () => lobby.show());

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
