import { Api, ApiError } from './api.js';
import { BroadcastForm } from './broadcast.js';
import { confirmed } from './confirm.js';
import { Figures } from './figures.js';
import { counted } from './format.js';
import { Login } from './login.js';
import { Nodes } from './nodes.js';
import { byId, setText } from './page.js';
import { Poll } from './poll.js';
import { Rates } from './rates.js';
import { RoomView } from './room.js';
import { Rooms } from './rooms.js';
import { Status } from './status.js';
import * as token from './token.js';
import { verdict } from './verdict.js';

/** @import { Event } from './broadcast.js' */

const POLL_MS = 2000;
const ROOM_HASH = /^#room\/(.+)$/s;

const rates = new Rates();
const status = new Status();
const figures = new Figures();
const nodes = new Nodes(drain);
const rooms = new Rooms(() => poll.now());
const roomView = new RoomView({ kick, close, broadcast });
const login = new Login(enter);
const poll = new Poll(ask, POLL_MS);
/** The last count. @type {number | null} */
let roomCount = null;
/** None before the sign-in. @type {Api | null} */
let api = null;

new BroadcastForm(byId('broadcast-all'), (event) => broadcast(null, event));
byId('sign-out').addEventListener('click', () => leave());
addEventListener('hashchange', follow);

const kept = token.recall();
if (kept === null) login.show();
else enter(kept);

/** @param {string} secret */
function enter(secret) {
  token.keep(secret);
  api = new Api(secret);
  login.hide();
  byId('cluster').hidden = false;
  follow();
  poll.start();
}

/** @param {ApiError} [why] */
function leave(why) {
  token.forget();
  api = null;
  poll.stop();
  byId('cluster').hidden = true;
  login.show(why);
}

/** Opens what the page's address names. */
function follow() {
  const name = nameIn(location.hash);
  rooms.toggle(name === null);
  roomView.open(name);
  poll.now();
}

/** @param {string} hash */
function nameIn(hash) {
  try {
    return decodeURIComponent(ROOM_HASH.exec(hash)?.[1] ?? '') || null;
  } catch {
    return null;
  }
}

async function ask() {
  const asked = api;
  if (!asked) return;
  try {
    const found = await asked.nodes();
    const reading = rates.read(found, performance.now());
    const trouble = await askRooms(asked);
    if (api !== asked) return;
    nodes.show(found, reading);
    figures.show({ reading, nodes: found, rooms: roomCount });
    status.answered(verdict(found));
    setText(byId('rooms-trouble'), trouble);
  } catch (error) {
    if (api === asked) failed(error);
  }
}

/**
 * Rooms can be out of reach while nodes answer: what ails the nodes is shown all the same.
 *
 * @param {Api} asked
 * @returns {Promise<string>} The trouble with them, or nothing.
 */
async function askRooms(asked) {
  try {
    const name = roomView.name;
    const page = await rooms.ask(asked);
    const room = await roomView.ask(asked);
    roomCount = page.count;
    if (api !== asked) return '';
    rooms.show(page);
    if (roomView.name === name) roomView.show(room);
    return '';
  } catch (error) {
    if (error instanceof ApiError && !error.isRefusal) return error.message;
    throw error;
  }
}

/** @param {unknown} error */
function failed(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.isRefusal) leave(error);
  else status.failed(error.message);
}

/** @param {string} node */
function drain(node) {
  return act(
    {
      title: `Drain ${node}?`,
      sentence: 'It takes no more connections, sends those it has to the other nodes one after the other, and then ends. There is no way back.',
      label: 'Drain',
    },
    (api) => api.drain(node),
    () => `${node} is draining.`,
  );
}

/**
 * @param {string} socketId
 * @param {string} room
 */
function kick(socketId, room) {
  return act(
    { title: `Kick ${socketId}?`, sentence: `It is sent out of “${room}” and can't resume. Nothing keeps it from joining anew.`, label: 'Kick' },
    (api) => api.kick(socketId),
    () => `${socketId} was kicked.`,
  );
}

/**
 * @param {string} room
 * @param {number} members
 */
function close(room, members) {
  return act(
    { title: 'Close this room?', sentence: `“${room}” ends for all of its ${counted(members, 'member')}.`, label: 'Close room' },
    (api) => api.close(room),
    ({ removed }) => `The room is closed: ${counted(removed, 'member')} removed.`,
  );
}

/**
 * @param {string | null} room
 * @param {Event} event
 */
function broadcast(room, event) {
  const to = room === null ? 'every member of every room' : `every member of “${room}”`;
  return act(
    { title: `Send “${event.eventName}”?`, sentence: `It goes to ${to}. Who is away misses it.`, label: 'Send' },
    (api) => api.broadcast(room, event),
    () => `“${event.eventName}” was sent.`,
  );
}

/**
 * Asks whether it is meant, does it, and says so.
 *
 * @template T
 * @param {{ title: string, sentence: string, label: string }} question
 * @param {(api: Api) => Promise<T>} send
 * @param {(answer: T) => string} told
 */
async function act(question, send, told) {
  const asked = api;
  if (!asked || !(await confirmed(question))) return;
  try {
    status.did(told(await send(asked)));
    poll.now();
  } catch (error) {
    if (error instanceof ApiError && error.status !== 401) status.did(error.message, true);
    else failed(error);
  }
}
