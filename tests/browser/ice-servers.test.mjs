/* The credentials of TURN servers end: others are asked for before, and used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { after, settle, stage } from './scripted.mjs';

const TTL_MS = 100_000;
const servers = (username) => ({ iceServers: [{ urls: ['turn:turn.test'], username, credential: 'secret' }], ttl: TTL_MS / 1000 });
const resumed = (more) => ({ you: 'me', room: 'kitchen', version: 10, iceServers: [], resume: { key: 'key-2', windowMs: 30_000 }, ...more });
const tooFast = { code: 'rate_limited', message: 'as the test wants it', retryable: true, retryAfterMs: 2000 };
const asks = (socket) => socket.heard('ice_servers').length;
const told = (room) => [...room.peers.values()].map(({ pc }) => pc.config.iceServers[0]?.username);

/** Lets time pass, in which the gateway shows that it is there. */
async function pass(socket, ms) {
  for (let left = ms; left > 0; left -= 10_000) {
    await after(Math.min(left, 10_000));
    socket.say('pong');
  }
}

/** In a room with Ann and Ben, to whom there is a way. */
async function call(t, { first = servers('first'), ...options } = {}) {
  const { room, join, ...rest } = stage(t, options);
  const socket = await join({ peers: ['ann', 'ben'], ...first });
  for (const [i, socketId] of ['ann', 'ben'].entries()) {
    socket.say('answer', { socketId, sdp: { type: 'answer', sdp: 'v=0' }, streams: {}, round: 1 }, i + 1);
    await settle();
    room.peers.get(socketId).pc.become('connected');
  }
  return { room, socket, pcs: [...room.peers.values()].map(({ pc }) => pc), ...rest };
}

for (const [random, share] of [[0, 1 / 2], [0.999999, 3 / 4]]) {
  test(`asked for after ${share} of their time, again and again`, async (t) => {
    t.mock.method(Math, 'random', () => random);
    const { socket } = await call(t);
    Math.random.mock.mockImplementation(() => random);
    socket.say('ice_servers', servers('second'));
    for (const round of [0, 1]) {
      await pass(socket, TTL_MS * share - 1);
      assert.equal(asks(socket), round);
      await after(1);
      assert.equal(asks(socket), round + 1);
      socket.say('ice_servers', servers('next'));
    }
  });
}

test('they are used for connections that are there, and for those to come', async (t) => {
  const { room, socket, pcs } = await call(t);
  socket.say('ice_servers', servers('second'));
  assert.deepEqual(told(room), ['second', 'second']);
  socket.say('new_peer', { socketId: 'eve', info: null, version: 12 });
  assert.equal(room.peers.get('eve').pc.config.iceServers[0].username, 'second');
  await settle();
  assert.deepEqual(pcs.map(({ restarts }) => restarts), [0, 0]);
});

test('a way by a TURN server of ours is replaced, and one is looked for where there is none', async (t) => {
  const { room, socket, pcs: [ann, ben] } = await call(t);
  socket.say('new_peer', { socketId: 'eve', info: null, version: 12 }); // who hasn't offered yet
  ann.route = 'relay';
  ben.become('disconnected');
  socket.say('ice_servers', servers('second'));
  await settle();
  assert.deepEqual([ann, ben, room.peers.get('eve').pc].map(({ restarts }) => restarts), [1, 1, 0]);
});

test('a connection that takes no other servers is told of', async (t) => {
  const { socket, pcs: [ann], log } = await call(t);
  ann.close();
  socket.say('ice_servers', servers('second'));
  assert.deepEqual(log, ['error peer_failed']);
});

test('a return looks once for another way by a TURN server of ours', async (t) => {
  const { sockets, socket, pcs: [ann, ben] } = await call(t);
  ann.route = 'relay';
  ben.route = 'relay';
  ben.become('disconnected');
  socket.break();
  await after(300);
  sockets[1].open();
  sockets[1].say('resumed', resumed(servers('second')));
  await settle();
  assert.deepEqual([ann, ben].map(({ restarts }) => restarts), [1, 1]);
});

test('a return to the room brings others: nobody asks', async (t) => {
  const { room, sockets, socket } = await call(t);
  await pass(socket, 70_000);
  socket.break();
  await after(300);
  await after(9000); // past the time to ask
  sockets[1].open();
  sockets[1].say('resumed', resumed(servers('second')));
  assert.deepEqual(told(room), ['second', 'second']);
  await pass(sockets[1], 74_999);
  assert.equal(asks(socket) + asks(sockets[1]), 0);
  await after(1);
  assert.equal(asks(sockets[1]), 1);
});

test('a return to a gateway that has no TURN server any more', async (t) => {
  const { sockets, socket } = await call(t);
  socket.break();
  await after(300);
  sockets[1].open();
  sockets[1].say('resumed', resumed());
  await pass(sockets[1], 10 * TTL_MS);
  assert.equal(asks(sockets[1]), 0);
});

test('an ask that is lost is repeated, and one that was too fast is when it may', async (t) => {
  const { socket } = await call(t);
  await pass(socket, 75_000);
  for (const count of [1, 2, 3]) {
    assert.equal(asks(socket), count);
    await after(3000);
  }
  socket.say('error', tooFast);
  await after(4999);
  assert.equal(asks(socket), 4);
  await after(1);
  assert.equal(asks(socket), 5);
  socket.say('ice_servers', servers('second'));
  await pass(socket, 70_000);
  assert.equal(asks(socket), 5);
});

test('what else was too fast asks for nothing', async (t) => {
  const { socket } = await call(t);
  socket.say('error', tooFast);
  await pass(socket, 70_000);
  assert.equal(asks(socket), 0);
});

for (const [name, username, options] of [
  ["the page's own servers", 'own', { iceServers: [{ urls: 'turn:own.test', username: 'own', credential: 'own' }] }],
  ['servers without credentials', undefined, { first: { iceServers: [{ urls: ['stun:stun.test'] }] } }],
]) {
  test(`${name} are not asked for`, async (t) => {
    const { room, sockets, socket } = await call(t, options);
    await pass(socket, 10 * TTL_MS);
    socket.break();
    await after(300);
    sockets[1].open();
    sockets[1].say('resumed', resumed(options.first ?? servers('second')));
    await pass(sockets[1], 10 * TTL_MS);
    assert.equal(asks(socket) + asks(sockets[1]), 0);
    assert.deepEqual(told(room), [username, username]);
  });
}

test('credentials that are good for longer than a timer takes', async (t) => {
  const { join } = stage(t);
  const { mock } = t.mock.method(globalThis, 'setTimeout');
  await join({ ...servers('first'), ttl: 366 * 24 * 3600 });
  const waits = mock.calls.map(({ arguments: [, ms] }) => ms);
  assert.equal(Math.max(...waits), 2 ** 31 - 1, 'a longer one would end at once');
});

test('who left asks for nothing', async (t) => {
  const { room, socket } = await call(t);
  await room.leave();
  await after(10 * TTL_MS);
  assert.equal(asks(socket), 0);
});
