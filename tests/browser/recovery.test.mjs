/* A way through the network that is lost, or not found, is looked for again: when, to the millisecond. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { after, page, settle, stage } from './scripted.mjs';

const SERVERS = { iceServers: [{ urls: ['turn:turn.test'], username: 'a', credential: 'b' }], ttl: 100 };
const RESUMED = { you: 'me', room: 'kitchen', version: 10, iceServers: [], resume: { key: 'key-2', windowMs: 30_000 } };
const REFUSED = { code: 'rate_limited', message: 'as the test wants it', retryable: true, retryAfterMs: 2000 };

/** We came later than Ann, or than all of these. */
async function politely(t, peers = ['ann']) {
  const { room, join, ...rest } = stage(t);
  const socket = await join({ peers });
  peers.forEach((socketId, i) => socket.say('answer', { socketId, sdp: { type: 'answer', sdp: 'v=0' }, streams: {}, round: 1 }, i + 1));
  await settle();
  return { room, socket, pc: room.peers.get('ann').pc, ...rest };
}

/** We were there before Ann. */
async function impolitely(t) {
  const { room, join, ...rest } = stage(t);
  const socket = await join({ peers: [] });
  socket.say('new_peer', { socketId: 'ann', info: null, version: 11 });
  socket.say('offer', { socketId: 'ann', sdp: { type: 'offer', sdp: 'v=0' }, streams: {}, round: 1 }, 1);
  await settle();
  return { room, socket, pc: room.peers.get('ann').pc, ...rest };
}

/** Lets time pass until just before each moment, at which there is to be one restart more. */
async function restartsAfter(pc, ...waits) {
  for (const wait of waits) {
    const before = pc.restarts;
    await after(wait - 1);
    assert.equal(pc.restarts, before, `sooner than after ${wait} ms`);
    await after(1);
    assert.equal(pc.restarts, before + 1, `not after ${wait} ms`);
  }
}

const WAITS = {
  new: [15_000, 30_000, 60_000, 60_000],
  connecting: [20_000, 40_000, 60_000, 60_000],
  disconnected: [4000, 8000, 16_000, 32_000, 60_000, 60_000],
};
const COURTESY = 2000;

for (const [state, waits] of Object.entries(WAITS)) {
  test(`${state} for too long: another way is looked for, later each time`, async (t) => {
    const { pc } = await politely(t);
    pc.become(state);
    await restartsAfter(pc, ...waits);
  });

  test(`${state} for too long, seen by who was there first: somewhat later`, async (t) => {
    const { pc } = await impolitely(t);
    pc.become(state);
    await restartsAfter(pc, ...waits.map((wait) => wait + COURTESY));
  });
}

test('failed: at once, then later each time', async (t) => {
  const { pc } = await politely(t);
  pc.become('failed');
  await after(0);
  assert.equal(pc.restarts, 1);
  await restartsAfter(pc, 4000, 8000, 16_000, 32_000, 60_000, 60_000);
});

test('failed, seen by who was there first: somewhat later', async (t) => {
  const { pc } = await impolitely(t);
  pc.become('failed');
  await restartsAfter(pc, ...[0, 4000, 8000, 16_000, 32_000, 60_000].map((wait) => wait + COURTESY));
});

test('a way that is found ends the search, and the next break is a new one', async (t) => {
  const { pc } = await politely(t);
  pc.become('failed');
  await after(0);
  await restartsAfter(pc, 4000);
  pc.become('connecting');
  pc.become('connected');
  await after(600_000);
  assert.equal(pc.restarts, 2);
  pc.become('disconnected');
  await after(3999);
  pc.become('connected'); // by itself
  await after(600_000);
  assert.equal(pc.restarts, 2);
  pc.become('disconnected');
  await restartsAfter(pc, 4000);
});

test('the search goes on through other states, as late as it was', async (t) => {
  const { pc } = await politely(t);
  pc.become('disconnected');
  await restartsAfter(pc, 4000);
  pc.become('failed');
  await restartsAfter(pc, 4000);
  pc.become('connecting');
  await restartsAfter(pc, 60_000);
});

test('a first offer that is not answered has no way to be looked for', async (t) => {
  const { room, join } = stage(t);
  const socket = await join();
  const { pc } = room.peers.get('ann');
  await after(600_000);
  assert.equal(pc.restarts, 0);
  assert.equal(socket.heard('offer').length, 1);
  socket.say('answer', { socketId: 'ann', sdp: { type: 'answer', sdp: 'v=0' }, streams: {}, round: 1 }, 1);
  await settle();
  pc.become('connecting');
  await restartsAfter(pc, 20_000);
});

test('there is no flood of offers while none is answered', async (t) => {
  const { pc, socket } = await politely(t);
  pc.become('failed');
  await after(600_000);
  assert.equal(socket.heard('offer').length, 2);
});

for (const state of ['disconnected', 'failed', 'connecting', 'connected']) {
  test(`${state} when the connection to the gateway, the network or somebody's eyes are back`, async (t) => {
    const { wake } = page(t);
    const { pc, socket, sockets } = await impolitely(t);
    const isBroken = state === 'disconnected' || state === 'failed';
    pc.become(state);
    const seen = [];
    const restarted = () => seen.push(pc.restarts) && (pc.restarts = 0);
    wake('visible');
    restarted();
    wake('online');
    restarted();
    socket.break();
    await after(300);
    sockets[1].open();
    restarted();
    sockets[1].say('resumed', RESUMED);
    restarted();
    assert.deepEqual(seen, isBroken ? [1, 1, 0, 1] : [0, 0, 0, 0]);
  });
}

test('after such an attempt, the next one waits its time', async (t) => {
  const { wake } = page(t);
  const { pc } = await politely(t);
  pc.become('disconnected');
  await after(3000);
  wake('online');
  assert.equal(pc.restarts, 1);
  await restartsAfter(pc, 8000);
});

test('who left is not looked for, nor told of', async (t) => {
  const { wake, listening } = page(t);
  const { room, pc, socket, log } = await politely(t);
  pc.become('failed');
  socket.say('remove_peer', { socketId: 'ann', reason: 'lost', version: 12 });
  await after(600_000);
  wake('online');
  assert.deepEqual([pc.restarts, log], [0, ['peerleave ann lost']]);
  await room.leave();
  assert.equal(listening(), 0);
});

test('who has no WebRTC, and says so late, needs no way', async (t) => {
  const { room, pc, socket, log } = await politely(t);
  pc.become('failed');
  socket.say('data', { socketId: 'ann' });
  await after(600_000);
  assert.deepEqual([room.peers.get('ann').state, log], ['connected', []]);
});

test('that there is no way is told once, until there was one', async (t) => {
  const { pc, log } = await politely(t);
  for (const state of ['connected', 'failed']) pc.become(state);
  await after(2000);
  for (const state of ['connecting', 'failed', 'disconnected', 'failed']) pc.become(state);
  await after(1999);
  assert.deepEqual(log, []);
  await after(1);
  assert.deepEqual(log, ['error peer_failed']);
  for (const state of ['connecting', 'failed']) pc.become(state);
  await after(600_000);
  assert.deepEqual(log, ['error peer_failed']);
  for (const state of ['connecting', 'connected', 'disconnected', 'failed', 'connecting']) pc.become(state);
  await after(3999);
  assert.deepEqual(log, ['error peer_failed']);
  await after(1);
  assert.deepEqual(log, ['error peer_failed', 'error peer_failed']);
});

test('a way that is found soon was never missed: nobody is told, and what waited to be sent is', async (t) => {
  const { room, pc, log } = await politely(t);
  for (const state of ['connected', 'failed']) pc.become(state);
  const sending = room.send('x', { to: 'ann' });
  await after(3999);
  for (const state of ['disconnected', 'connected']) pc.become(state);
  await after(4000);
  pc.channel.open();
  await sending;
  assert.deepEqual([pc.channel.sent.length, log], [1, []]);
});

test('what waits for a way that there is not fails, and so does what comes after it; others get theirs', async (t) => {
  const { room } = await politely(t, ['ann', 'ben']);
  const [ann, ben] = ['ann', 'ben'].map((id) => room.peers.get(id).pc);
  for (const { channel } of [ann, ben]) channel.open();
  ann.channel.bufferedAmount = Infinity; // nothing flows
  ann.become('failed');
  const sent = [codeOf(room.send('one', { to: 'ann' })), codeOf(room.send('two'))];
  await after(3999);
  const early = await Promise.all(sent.map((each) => Promise.race([each, 'waiting'])));
  await after(1);
  const late = await Promise.all([...sent, codeOf(room.send('three', { to: 'ann' })), codeOf(room.send('four'))]);
  assert.deepEqual([early, late], [['waiting', 'waiting'], ['channel_closed', 'sent', 'channel_closed', 'sent']]);
  assert.deepEqual([ann, ben].map(({ channel }) => channel.sent.map((frame) => JSON.parse(frame).data)), [[], ['two', 'four']]);
});

test('while another way is tried, what is sent waits; where it leads nowhere, that fails at once', async (t) => {
  const { room, pc, log } = await politely(t);
  pc.become('failed');
  await after(4000);
  pc.become('connecting');
  const sending = codeOf(room.send('x', { to: 'ann' }));
  await after(10_000);
  assert.equal(await Promise.race([sending, 'waiting']), 'waiting');
  pc.become('failed');
  assert.equal(await sending, 'channel_closed');
  assert.deepEqual(log, ['error peer_failed']);
});

function codeOf(promise) {
  return promise.then(() => 'sent', ({ code }) => code);
}
