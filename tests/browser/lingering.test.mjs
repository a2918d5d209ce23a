/* A call goes on with somebody whom the gateway lost, for as long as there is a connection to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stage as realStage } from './harness.mjs';
import { connectTwo, prepare } from './rooms.mjs';
import { after, page, peersOf, settle, stage } from './scripted.mjs';

const LOST = { socketId: 'ann', reason: 'lost', version: 12 };

/** In a room with Ann, to whom there is a connection. */
async function call(t, options) {
  const { room, join, ...rest } = stage(t, options);
  const socket = await join();
  socket.say('answer', { socketId: 'ann', sdp: { type: 'answer', sdp: 'v=0' }, streams: {}, round: 1 }, 1);
  await settle();
  const { pc } = room.peers.get('ann');
  pc.become('connected');
  pc.channel.readyState = 'open';
  return { room, socket, pc, ...rest };
}

test('who is lost to the gateway only is away', async (t) => {
  const { room, socket, pc, log } = await call(t);
  socket.say('remove_peer', LOST);
  assert.deepEqual(log, ['peeraway ann']);
  assert.equal(room.peers.get('ann').away, true);
  assert.equal(pc.signalingState, 'stable');
});

test('who was away already is not told of again', async (t) => {
  const { socket, log } = await call(t);
  socket.say('peer_away', { socketId: 'ann', version: 11 });
  socket.say('remove_peer', LOST);
  assert.deepEqual(log, ['peeraway ann']);
});

for (const [name, end] of [
  ['the connection fails', ({ pc }) => pc.become('failed')],
  ['the channel closes', ({ pc }) => pc.channel.dispatchEvent(new Event('close'))],
]) {
  test(`it ends when ${name}`, async (t) => {
    const stage = await call(t);
    stage.socket.say('remove_peer', LOST);
    end(stage);
    assert.deepEqual(stage.log, ['peeraway ann', 'peerleave ann lost']);
    assert.equal(stage.room.peers.size, 0);
    assert.equal(stage.pc.signalingState, 'closed');
  });
}

test('it ends when we come in anew', async (t) => {
  const { room, socket, sockets, log } = await call(t);
  socket.say('remove_peer', LOST);
  socket.break();
  await after(300);
  sockets[1].open();
  sockets[1].say('error', { code: 'session_expired', message: 'as the test wants it', retryable: false });
  sockets[1].say('peers', peersOf('somebody', ['ben']));
  assert.deepEqual(log, ['peeraway ann', 'reconnecting 1 300 unavailable', 'reconnecting 1 0 session_expired', 'peerleave ann lost', 'joined', 'peerjoin ben']);
  assert.deepEqual([...room.peers.keys()], ['ben']);
});

test('it goes on while the connection is only weak, and nobody looks for another way', async (t) => {
  const { wake } = page(t);
  const { pc, socket, log } = await call(t);
  socket.say('remove_peer', LOST);
  pc.become('disconnected');
  await after(600_000);
  wake('online');
  assert.equal(pc.restarts, 0);
  assert.deepEqual(log, ['peeraway ann']);
});

test('who is found again is back, and other ways are looked for again', async (t) => {
  const { room, socket, pc, log } = await call(t);
  const peer = room.peers.get('ann');
  socket.say('remove_peer', LOST);
  socket.say('new_peer', { socketId: 'ann', info: null, version: 13 });
  assert.deepEqual(log, ['peeraway ann', 'peerback ann']);
  assert.equal(room.peers.get('ann'), peer);
  pc.become('failed');
  await after(2000);
  assert.equal(pc.restarts, 1);
  assert.equal(room.peers.size, 1);
});

test('a connection that closes late ends nobody else of the same id', async (t) => {
  const { room, socket, log } = await call(t);
  socket.say('remove_peer', LOST);
  socket.say('remove_peer', { ...LOST, reason: 'left', version: 13 });
  socket.say('new_peer', { socketId: 'ann', info: null, version: 14 });
  await settle();
  assert.deepEqual(log, ['peeraway ann', 'peerleave ann left', 'peerjoin ann']);
  assert.equal(room.peers.size, 1);
});

test('it goes on for as long as the page wants', async (t) => {
  const { socket, log } = await call(t, { lingerMs: 60_000 });
  socket.say('remove_peer', LOST);
  await after(59_999);
  assert.deepEqual(log, ['peeraway ann']);
  await after(1);
  assert.equal(log.at(-1), 'peerleave ann lost');
});

test('it does not go on where the page does not want that', async (t) => {
  const { socket, log } = await call(t, { lingerMs: 0 });
  socket.say('remove_peer', LOST);
  assert.deepEqual(log, ['peerleave ann lost']);
});

for (const [name, reason, prepare] of [
  ['left', 'left', () => {}],
  ['was sent away', 'kicked', () => {}],
  ['was in a room that was closed', 'closed', () => {}],
  ['has no connection', 'lost', ({ pc }) => pc.become('disconnected')],
  ['has no channel, as a SkyRTC page has none', 'lost', ({ pc }) => (pc.channel.readyState = 'closed')],
]) {
  test(`who ${name} is gone at once`, async (t) => {
    const stage = await call(t);
    prepare(stage);
    stage.socket.say('remove_peer', { ...LOST, reason });
    assert.deepEqual(stage.log, [`peerleave ann ${reason}`]);
  });
}

test('leaving the room leaves them, too', async (t) => {
  const { room, socket, log } = await call(t);
  socket.say('remove_peer', LOST);
  await room.leave();
  assert.deepEqual(log, ['peeraway ann', 'left', 'peerleave ann left']);
});

test('a call goes on without the gateway for longer than that waits, and who comes back is somebody new', { timeout: 60_000 }, async (t) => {
  const { sdkPage, expectError } = await realStage(t, ['--resume-window', '1s']);
  expectError(/WebSocket connection to .* failed|ERR_CONNECTION_REFUSED/);
  const page = await prepare(await sdkPage());
  await page.evaluate(canBeCut);
  await connectTwo(page, { published: true });
  const { lost, back } = await page.evaluate(async () => {
    const { first, second, next, moves, stranger, cut, mend } = globalThis;
    const [peer] = first.peers.values();
    const [{ stream }] = peer.streams.values();
    const coming = next(first, 'peerjoin');
    const witness = await stranger();
    await coming;
    const removal = new Promise((resolve) => {
      witness.socket.addEventListener('message', ({ data }) => JSON.parse(data).eventName === 'remove_peer' && resolve());
    });
    const log = [];
    const tell = (what) => (who) => log.push(`${what} ${who === peer ? 'them' : 'somebody'}`);
    const leaving = next(first, 'peerleave');
    for (const event of ['peeraway', 'peerback', 'peerleave', 'peerjoin', 'streamend']) first.on(event, tell(event));

    cut();
    await removal;
    witness.socket.close(); // of which `first` is told after that
    await leaving;
    await moves(stream, 50);
    const arrival = next(first, 'message');
    await second.send('still here');
    await arrival;
    const lost = [...log, peer.away, [...first.peers.values()].includes(peer), second.state];

    log.length = 0;
    const events = [next(first, 'stream'), next(first, 'peerleave')];
    mend();
    const [[newcomer, newStream], [, reason]] = await Promise.all(events);
    await moves(newStream);
    return { lost, back: [...log.sort(), reason, newcomer.id === second.id, first.peers.size] };
  });
  assert.deepEqual(lost, ['peeraway them', 'peerleave somebody', true, true, 'reconnecting']);
  assert.deepEqual(back, ['peerjoin somebody', 'peerleave them', 'streamend them', 'lost', true, 1]);
});

/** In the page: the connections of the second room can be `cut()`, and there are none until `mend()`. */
function canBeCut() {
  const sockets = [];
  let isCut = false;
  globalThis.WebSocket = class extends WebSocket {
    constructor(url, protocol) {
      super(isCut ? 'ws://127.0.0.1:9/' : url, protocol);
      sockets.push(this);
    }
  };
  globalThis.cut = () => {
    isCut = true;
    sockets[1].close(4999);
    sockets[1].dispatchEvent(new CloseEvent('close', { code: 1006 }));
  };
  globalThis.mend = () => (isCut = false);
}
