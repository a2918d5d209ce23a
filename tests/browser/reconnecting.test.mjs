/* What the SDK does when a connection breaks, is silent, or asks to be replaced, frame by frame. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { after, page, peersOf, settle, stage } from './scripted.mjs';

const RESUMED = { you: 'me', room: 'kitchen', version: 10, iceServers: [], resume: { key: 'key-2', windowMs: 30_000 } };
const OFFER = { socketId: 'ann', sdp: { type: 'offer', sdp: 'v=0\r\nm=audio' }, streams: {}, round: 1 };
const refusal = (code, retryable) => ({ code, message: 'as the test wants it', retryable });
const names = (frames) => frames.map(({ eventName, n }) => (n === undefined ? eventName : `${eventName} ${n}`));
const candidates = (room, ...found) => found.forEach((candidate) => room.peers.get('ann').pc.find(candidate));

/** The last of the sockets. */
const last = (sockets) => sockets[sockets.length - 1];

test('a join asks for a session that can be resumed, unless reconnecting is not wanted', async (t) => {
  for (const [reconnect, resume] of [[undefined, true], [{}, true], [false, false]]) {
    const { sockets, join, room } = stage(t, { reconnect });
    const socket = await join();
    assert.deepEqual(socket.sent[0], { eventName: 'join', data: { room: 'kitchen', info: null, resume } });
    await room.leave();
    mock.timers.reset();
    sockets.length = 0;
  }
});

test('a broken connection is resumed on another, and nothing else changes', async (t) => {
  const { room, sockets, log, join } = stage(t);
  const socket = await join({ peers: ['ann', 'ben'] });
  const pcs = [...room.peers.values()].map(({ pc }) => pc);
  socket.say('offer', OFFER, 3);
  socket.say('peer_info', { socketId: 'ben', info: 'Ben', version: 12 });
  socket.break();
  assert.deepEqual(log, ['peerinfo ben "Ben"', 'reconnecting 1 300 unavailable']);
  assert.equal(room.state, 'reconnecting');
  assert.equal(room.id, 'me');

  await after(300);
  sockets[1].open();
  assert.deepEqual(sockets[1].sent, [{
    eventName: 'resume',
    data: { room: 'kitchen', socketId: 'me', key: 'key-1', attempt: 1, received: { ann: 3, ben: 0 }, version: 12 },
  }]);
  sockets[1].say('resumed', RESUMED);
  assert.deepEqual(log.slice(2), ['joined']);
  assert.deepEqual([...room.peers.values()].map(({ pc }) => pc), pcs);
  assert(pcs.every(({ signalingState }) => signalingState !== 'closed'));
  await assert.doesNotReject(room.send('nobody is connected, so nobody gets it'));
});

test('what was not acknowledged is said again after a resume, in order, before anything new', async (t) => {
  const { room, sockets, join } = stage(t);
  const socket = await join();
  candidates(room, 'a', 'b', 'c');
  assert.deepEqual(names(socket.sent.slice(1)), ['offer 1', 'ice_candidate 2', 'ice_candidate 3', 'ice_candidate 4']);
  socket.say('ack', { n: 2 });
  socket.break();
  candidates(room, 'd');
  await after(300);
  sockets[1].open();
  candidates(room, 'e');
  sockets[1].say('resumed', RESUMED);
  candidates(room, 'f');
  assert.deepEqual(names(sockets[1].sent), ['resume', ...[3, 4, 5, 6, 7].map((n) => `ice_candidate ${n}`)]);
  assert.deepEqual(sockets[1].sent.slice(1, 3), socket.sent.slice(3));

  sockets[1].say('ack', { n: 7 });
  sockets[1].break();
  await after(600);
  sockets[2].open();
  sockets[2].say('resumed', RESUMED);
  assert.deepEqual(names(sockets[2].sent), ['resume']);
});

test('sends go on while a connection is thought to be there', async (t) => {
  const { room, sockets, join } = stage(t);
  const socket = await join();
  socket.readyState = 2; // closing, and nobody was told yet
  candidates(room, 'a');
  socket.break();
  await after(300);
  sockets[1].open();
  sockets[1].say('resumed', RESUMED);
  assert.deepEqual(names(sockets[1].sent), ['resume', 'offer 1', 'ice_candidate 2']);
});

test('what comes twice is heard once', async (t) => {
  const { room, sockets, join } = stage(t);
  const socket = await join({ peers: [] });
  socket.say('new_peer', { socketId: 'ann', info: null, version: 11 });
  const answers = () => sockets.flatMap((each) => each.heard('answer')).length;
  const { pc } = room.peers.get('ann');
  t.mock.method(pc, 'addIceCandidate');
  const candidate = { socketId: 'ann', candidate: 'a', sdpMLineIndex: 0 };
  socket.say('offer', OFFER, 1);
  socket.say('ice_candidate', candidate, 2);
  await settle();
  socket.break();
  await after(300);
  sockets[1].open();
  sockets[1].say('resumed', RESUMED);
  for (const [eventName, data, n] of [['offer', OFFER, 1], ['ice_candidate', candidate, 2], ['ice_candidate', candidate, 5]]) sockets[1].say(eventName, data, n);
  await settle();
  assert.equal(answers() - sockets[1].heard('answer').length, 1);
  assert.equal(pc.addIceCandidate.mock.callCount(), 2);
});

test('what is heard is acknowledged within a second, or when it is 32 messages; repeats again', async (t) => {
  const { sockets, join } = stage(t);
  const socket = await join({ peers: ['ann', 'ben'] });
  const acks = (of) => of.heard('ack').map(({ data }) => data.received);
  socket.say('message', { socketId: 'ann', body: 1 }, 4);
  socket.say('message', { socketId: 'ben', body: 1 }, 7);
  socket.say('remove_peer', { socketId: 'ben', reason: 'left', version: 11 });
  assert.deepEqual(acks(socket), []);
  await after(999);
  assert.deepEqual(acks(socket), [{ ann: 4, ben: 7 }]);
  await after(5000);
  for (let n = 5; n < 5 + 32; n++) socket.say('message', { socketId: 'ann', body: n }, n);
  assert.deepEqual(acks(socket).slice(1), [{ ann: 36 }]);
  socket.say('message', { socketId: 'ann', body: 36 }, 36);
  await after(999);
  assert.deepEqual(acks(socket).slice(2), [{ ann: 36 }]);

  socket.say('message', { socketId: 'ann', body: 37 }, 37);
  socket.break();
  await after(300);
  sockets[1].open();
  assert.deepEqual(sockets[1].sent[0].data.received, { ann: 37 });
});

test('a gateway without sessions is sent no acks, and joined anew', async (t) => {
  const { sockets, log, join } = stage(t);
  const socket = await join({ resume: null });
  socket.say('message', { socketId: 'ann', body: 1 }, 1);
  await after(1000);
  assert.deepEqual(socket.heard('ack'), []);
  socket.break();
  await after(300);
  sockets[1].open();
  assert.deepEqual(names(sockets[1].sent), ['join']);
  sockets[1].say('peers', peersOf('me-again', ['ann']));
  assert.deepEqual(log.slice(1), ['peerleave ann lost', 'joined', 'peerjoin ann']);
});

test('an answer that is lost costs nothing: the next attempt counts higher, with the key that was told last', async (t) => {
  const { sockets, join } = stage(t);
  (await join()).break();
  const resumes = () => sockets.flatMap((socket) => socket.heard('resume')).map(({ data }) => [data.attempt, data.key]);
  await after(300);
  sockets[1].open();
  sockets[1].break(); // after the gateway resumed
  await after(600);
  sockets[2].open();
  sockets[2].say('resumed', RESUMED);
  sockets[2].break();
  await after(1200);
  sockets[3].open();
  assert.deepEqual(resumes(), [[1, 'key-1'], [2, 'key-1'], [3, 'key-2']]);
});

test('a session that expired: joined anew on the same connection, as somebody else', async (t) => {
  const { room, sockets, log, join } = stage(t, { info: 'me' });
  const socket = await join({ peers: ['ann', 'ben'] });
  const { pc } = room.peers.get('ann');
  socket.break();
  candidates(room, 'a');
  room.setInfo('me, changed');
  await after(300);
  sockets[1].open();
  sockets[1].say('error', refusal('session_expired', false));
  assert.deepEqual(sockets[1].sent[1], { eventName: 'join', data: { room: 'kitchen', info: 'me, changed', resume: true } });
  log.length = 0;
  sockets[1].say('peers', peersOf('somebody', ['ann', 'eve'], { resume: { key: 'key-9' } }));
  assert.deepEqual(log, ['peerleave ann lost', 'peerleave ben lost', 'joined', 'peerjoin ann', 'peerjoin eve']);
  assert.equal(room.id, 'somebody');
  assert.equal(pc.signalingState, 'closed');
  await settle();
  assert.deepEqual(names(sockets[1].sent.slice(2)), ['offer 1', 'offer 2']);

  sockets[1].break();
  await after(600);
  sockets[2].open();
  const { data } = sockets[2].sent[0];
  assert.deepEqual([data.socketId, data.key, data.attempt, data.received], ['somebody', 'key-9', 1, { ann: 0, eve: 0 }]);
});

test('a session that expired while its connection was there', async (t) => {
  const { sockets, log, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 0 });
  await after(0);
  sockets[1].open();
  sockets[1].say('error', refusal('session_expired', false));
  assert.equal(old.closedWith, 4000);
  sockets[1].say('peers', peersOf('somebody', ['ann']));
  assert.deepEqual(log, ['reconnecting 1 0 session_expired', 'peerleave ann lost', 'joined', 'peerjoin ann']);
});

test('a listener that leaves and joins again when it is told that peers are gone', async (t) => {
  const { room, sockets, join } = stage(t);
  (await join()).break();
  await after(300);
  sockets[1].open();
  sockets[1].say('error', refusal('session_expired', false));
  room.on('peerleave', () => {
    room.leave();
    room.join().catch(() => {});
  }, { once: true });
  sockets[1].say('peers', peersOf('somebody', ['ann']));
  assert.deepEqual([room.state, room.id, room.peers.size, sockets.length], ['joining', null, 0, 3]);
});

test('a session that expired, and a room that may not be joined again', async (t) => {
  const { room, sockets, log, join } = stage(t);
  (await join()).break();
  await after(300);
  sockets[1].open();
  sockets[1].say('error', refusal('session_expired', false));
  sockets[1].say('error', refusal('forbidden', false));
  assert.deepEqual(log.slice(-3), ['failed forbidden', 'peerleave ann lost', 'error forbidden']);
  assert.equal(room.state, 'failed');
});

test('a resume that cannot be served now is tried again elsewhere', async (t) => {
  const { sockets, log, join } = stage(t, { url: ['ws://one.test/ws', 'ws://two.test/ws'] });
  (await join()).break(4503);
  await after(300);
  sockets[1].open();
  sockets[1].say('error', refusal('unavailable', true));
  assert.equal(sockets[1].closedWith, 4000);
  await after(600);
  sockets[2].open();
  assert.equal(sockets[2].sent[0].data.attempt, 2);
  sockets[2].say('resumed', RESUMED);
  assert.deepEqual(log, ['reconnecting 1 300 unavailable', 'reconnecting 2 600 unavailable', 'joined']);
});

test('each connection goes to the next address, and a join tries each once', async (t) => {
  const url = ['https://one.test/ws', 'wss://two.test/ws', 'ws://three.test/ws'];
  const { room, sockets, join } = stage(t, { url });
  const hosts = () => sockets.map((socket) => new URL(socket.url).host);
  const joined = room.join();
  for (const i of [0, 1, 2]) sockets[i].break();
  await assert.rejects(joined, { code: 'unavailable', fatal: true });
  assert.deepEqual(hosts(), ['one.test', 'two.test', 'three.test']);
  assert.equal(sockets[0].url, 'wss://one.test/ws');

  sockets.length = 0;
  await join();
  for (const [i, waited] of [300, 600, 1200].entries()) {
    sockets[i].break();
    await after(waited);
  }
  assert.deepEqual(hosts(), ['one.test', 'two.test', 'three.test', 'one.test']);
});

test('an address that is none is found out before anything is tried', async (t) => {
  const { room, sockets } = stage(t, { url: ['ws://one.test/ws', 'ftp://two.test'] });
  await assert.rejects(room.join(), { code: 'unavailable', retryable: false });
  assert.equal(sockets.length, 0);
});

test('waits double up to the cap, and begin anew after a connection that lasted', async (t) => {
  const { sockets, log, join } = stage(t);
  (await join()).break();
  const waits = [300, 600, 1200, 2400, 4800, 9600, 10_000, 10_000];
  for (const waited of waits) {
    await after(waited - 1);
    const before = sockets.length;
    await after(1);
    assert.equal(sockets.length, before + 1);
    last(sockets).break();
  }
  assert.deepEqual(log.slice(0, waits.length), waits.map((waited, i) => `reconnecting ${i + 1} ${waited} unavailable`));
  await after(10_000);
  last(sockets).open();
  last(sockets).say('resumed', RESUMED);
  last(sockets).break();
  assert.equal(log.at(-1), 'reconnecting 10 10000 unavailable', 'a connection that breaks at once is one more failure');
  await after(10_000);
  last(sockets).open();
  last(sockets).say('resumed', RESUMED);
  await after(10_000);
  last(sockets).break();
  assert.equal(log.at(-1), 'reconnecting 1 300 unavailable');
});

test('waits are random from nothing to the cap', async (t) => {
  const { sockets, log, join } = stage(t, { reconnect: { minMs: 1000, maxMs: 1500 } });
  const socket = await join();
  Math.random.mock.mockImplementation(() => 0);
  socket.break();
  await after(0);
  Math.random.mock.mockImplementation(() => 0.5);
  sockets[1].break();
  await after(750);
  sockets[2].break();
  assert.deepEqual(log, ['reconnecting 1 0 unavailable', 'reconnecting 2 750 unavailable', 'reconnecting 3 750 unavailable']);
});

test('errors of attempts are told with the state only, and giving up once', async (t) => {
  const { room, sockets, log, join } = stage(t, { reconnect: { giveUpAfterMs: 2000 } });
  (await join()).break();
  await after(300);
  sockets[1].break(1012);
  await after(600);
  sockets[2].break(1013);
  await after(1099);
  assert.equal(room.state, 'reconnecting');
  await after(1);
  assert.deepEqual(log, [
    'reconnecting 1 300 unavailable', 'reconnecting 2 600 restart', 'reconnecting 3 1200 overloaded',
    'failed overloaded', 'peerleave ann lost', 'error overloaded',
  ]);
  await after(60_000);
  assert.equal(sockets.length, 3);
});

test('a time to give up that was not needed is over', async (t) => {
  const { room, sockets, join } = stage(t, { reconnect: { giveUpAfterMs: 2000 } });
  (await join()).break();
  await after(300);
  sockets[1].open();
  sockets[1].say('resumed', RESUMED);
  await after(5000);
  assert.equal(room.state, 'joined');
});

for (const code of [1002, 1007, 1009, 4400, 4401, 4409, 4410, 4499]) {
  test(`after ${code} there is no reconnecting`, async (t) => {
    const { room, sockets, log, join } = stage(t);
    (await join()).break(code);
    assert.equal(room.state, 'failed');
    assert.match(log[0], /^failed/);
    await after(60_000);
    assert.equal(sockets.length, 1);
  });
}

test('a gateway that drains is left only when another has taken over', async (t) => {
  const { room, sockets, log, join } = stage(t, { url: ['ws://one.test/ws', 'ws://two.test/ws'] });
  const old = await join();
  old.say('reconnect', { afterMs: 2000 });
  await after(1999);
  assert.equal(sockets.length, 1);
  await after(1);
  assert.equal(sockets[1].url, 'ws://two.test/ws');
  sockets[1].open();
  assert.equal(sockets[1].sent[0].eventName, 'resume');
  old.say('new_peer', { socketId: 'ben', info: null, version: 11 });
  candidates(room, 'a');
  assert.equal(old.sent.at(-1).n, 2);
  old.say('ack', { n: 2 }); // the next connection has the last word

  sockets[1].say('resumed', RESUMED);
  assert.equal(old.closedWith, 4000);
  old.say('new_peer', { socketId: 'too-late', info: null, version: 12 });
  sockets[1].say('new_peer', { socketId: 'ben', info: null, version: 11 });
  sockets[1].say('new_peer', { socketId: 'eve', info: null, version: 12 });
  await settle();
  assert.deepEqual(names(sockets[1].sent), ['resume', 'offer 1', 'ice_candidate 2']);
  assert.deepEqual(log, ['peerjoin ben', 'peerjoin eve']);
  await after(60_000);
  assert.equal(sockets.length, 2);
});

test('a gateway that drains, and a session that cannot be resumed', async (t) => {
  const { sockets, log, join } = stage(t);
  const old = await join({ resume: null });
  old.say('reconnect', { afterMs: 1000 });
  await after(5000);
  assert.equal(sockets.length, 1);
  old.break(1012);
  assert.deepEqual(log, ['reconnecting 1 300 restart']);
});

test('without reconnecting, a gateway that restarts ends it', async (t) => {
  const { sockets, log, join } = stage(t, { reconnect: false });
  const old = await join({ resume: null });
  old.break(1012);
  await after(60_000);
  assert.deepEqual([log[0], sockets.length], ['failed restart', 1]);
});

test('a gateway that drains and closes before its time', async (t) => {
  const { sockets, log, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 20_000 });
  await after(1000);
  old.break(1012);
  await after(300);
  sockets[1].open();
  sockets[1].say('resumed', RESUMED);
  assert.deepEqual(log, ['reconnecting 1 300 restart', 'joined']);
  await after(60_000);
  assert.equal(sockets.length, 2);
});

test('a gateway that drains and closes while another is asked', async (t) => {
  const { sockets, log, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 0 });
  await after(0);
  sockets[1].open();
  old.break(1012);
  sockets[1].say('resumed', RESUMED);
  assert.deepEqual(log, ['reconnecting 1 0 restart', 'joined']);
});

test('a takeover is told by closing the old connection first, which is nothing', async (t) => {
  const { room, sockets, log, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 0 });
  await after(0);
  sockets[1].open();
  old.break(4409);
  assert.equal(room.state, 'joined');
  sockets[1].say('resumed', RESUMED);
  assert.deepEqual(log, []);
});

test('a takeover whose answer is lost is asked for again', async (t) => {
  const { sockets, log, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 0 });
  await after(0);
  sockets[1].open();
  old.break(4409);
  sockets[1].break();
  assert.deepEqual(log, ['reconnecting 2 600 unavailable']);
  await after(600);
  sockets[2].open();
  assert.equal(sockets[2].sent[0].data.attempt, 2);
});

test('a takeover whose answer is lost, of which the old connection is told later', async (t) => {
  const { sockets, log, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 0 });
  await after(0);
  sockets[1].open();
  sockets[1].break();
  old.break(4409);
  assert.deepEqual(log, ['reconnecting 2 600 replaced']);
  await after(600);
  sockets[2].open();
  sockets[2].say('resumed', RESUMED);
  sockets[2].break(4409);
  assert.deepEqual(log.slice(1, 3), ['joined', 'failed replaced'], 'by somebody else');
});

test('nowhere to go from a gateway that drains: it is tried again until it closes', async (t) => {
  const { room, sockets, log, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 0 });
  await after(0);
  sockets[1].break();
  await after(300);
  sockets[2].break(4403);
  assert.deepEqual([room.state, log], ['joined', []]);
  old.break(1012);
  assert.deepEqual(log, ['reconnecting 3 1200 restart']);
});

test('a gateway that is silent is asked, and given up when it does not answer', async (t) => {
  const { sockets, log, join } = stage(t);
  const socket = await join();
  const pings = () => socket.heard('ping').length;
  await after(19_999);
  assert.equal(pings(), 0);
  await after(1);
  assert.equal(pings(), 1);
  await after(9_999);
  socket.say('pong');
  await after(20_000);
  assert.equal(pings(), 2);
  await after(9_999);
  assert.deepEqual(log, []);
  await after(1);
  assert.deepEqual(log, ['reconnecting 1 300 timeout']);
  assert.equal(socket.closedWith, 4000, 'not 1000, which would leave the room');
  await after(300);
  sockets[1].open();
  assert.equal(sockets[1].sent[0].eventName, 'resume');
});

test('a connection that never opens, or never lets in, is given up', async (t) => {
  const { sockets, log, join } = stage(t);
  (await join()).break();
  await after(300);
  await after(10_000);
  assert.deepEqual([sockets[1].closedWith, log.at(-1)], [4000, 'reconnecting 2 600 timeout']);
  await after(600);
  sockets[2].open();
  await after(9_999);
  assert.equal(sockets[2].closedWith, null);
  await after(1);
  assert.deepEqual([sockets[2].closedWith, log.at(-1)], [4000, 'reconnecting 3 1200 timeout']);
});

test('when the page wakes up, a connection is asked at once, with less patience', async (t) => {
  const { wake, listening } = page(t);
  const { room, log, join } = stage(t);
  const socket = await join();
  wake('online');
  wake('visible');
  assert.equal(socket.heard('ping').length, 1);
  await after(1000);
  socket.say('pong');
  await after(20_000); // asked again, with patience
  await after(5000);
  wake('visible'); // which is shortened
  wake('hidden');
  assert.equal(socket.heard('ping').length, 2);
  await after(2999);
  assert.deepEqual(log, []);
  await after(1);
  assert.deepEqual(log, ['reconnecting 1 300 timeout']);
  assert.equal(listening(), 4, 'what may have broken: the connection to the gateway, and the one to the peer');
  await room.leave();
  assert.equal(listening(), 0);
});

test('when the page wakes up, waiting ends, but not more than once a second', async (t) => {
  const { wake } = page(t);
  const { sockets, log, join } = stage(t, { reconnect: { minMs: 8000 } });
  (await join()).break();
  await after(2000);
  wake('online');
  await after(0);
  assert.equal(sockets.length, 2);
  assert.deepEqual(log, ['reconnecting 1 8000 unavailable', 'reconnecting 1 0 unavailable']);
  wake('visible'); // it is on
  await after(200);
  sockets[1].break();
  wake('online');
  wake('visible');
  assert.equal(log.at(-1), 'reconnecting 2 800 unavailable');
  await after(799);
  assert.equal(sockets.length, 2);
  await after(1);
  assert.equal(sockets.length, 3);
  await after(1000);
  wake('online'); // an attempt from before may hang
  assert.equal(sockets[2].closedWith, 4000);
  await after(0);
  assert.equal(sockets.length, 4);
});

test('a wake-up of the page does not hurry a first join', async (t) => {
  const { wake } = page(t);
  const { room, sockets } = stage(t);
  const joined = room.join();
  await after(2000);
  wake('online');
  assert.equal(sockets.length, 1);
  sockets[0].break();
  await assert.rejects(joined, { code: 'unavailable' });
  wake('online');
  assert.equal(sockets.length, 1);
});

test('leaving while there is no connection ends all attempts', async (t) => {
  const { room, sockets, log, join } = stage(t);
  (await join()).break();
  await room.leave();
  assert.deepEqual(log.slice(1), ['left', 'peerleave ann left']);
  await after(60_000);
  assert.equal(sockets.length, 1);
  assert.equal(room.id, null);
});

test('leaving while another connection is asked leaves on both', async (t) => {
  const { room, sockets, join } = stage(t);
  const old = await join();
  old.say('reconnect', { afterMs: 0 });
  await after(0);
  sockets[1].open();
  await room.leave();
  assert.deepEqual([old.closedWith, sockets[1].closedWith], [1000, 1000]);
});

test('leaving when the state is told', async (t) => {
  const { room, sockets, log, join } = stage(t);
  const socket = await join();
  room.on('state', (now) => now === 'reconnecting' && room.leave());
  socket.break();
  await after(60_000);
  assert.equal(room.state, 'left');
  assert.equal(sockets.length, 1);
  assert.equal(log.filter((line) => line === 'left').length, 1);
});

test('a room that reconnects is joined already', async (t) => {
  const { room, join } = stage(t);
  (await join()).break();
  await assert.rejects(room.join(), { code: 'already_joined' });
});

test('info that was changed is told after a resume: nothing says whether it arrived', async (t) => {
  const { room, sockets, join } = stage(t);
  const socket = await join();
  const told = (of) => of.heard('info').map(({ data }) => data.info);
  socket.break();
  await after(300);
  sockets[1].open();
  sockets[1].say('resumed', RESUMED);
  assert.deepEqual(told(sockets[1]), []);
  room.setInfo('one');
  sockets[1].break();
  room.setInfo('two');
  await after(600);
  sockets[2].open();
  sockets[2].say('resumed', RESUMED);
  assert.deepEqual([told(sockets[1]), told(sockets[2])], [['one'], ['two']]);
});

test('info that the gateway cannot take is sent again, and is no error to anybody', async (t) => {
  const { room, log, join } = stage(t);
  const socket = await join();
  room.setInfo('one');
  socket.say('error', refusal('unavailable', true));
  await after(3000);
  assert.deepEqual(socket.heard('info').map(({ data }) => data.info), ['one', 'one']);
  assert.deepEqual(log, []);
});

test('info that is changed while the join is asked is told after it', async (t) => {
  const { room, sockets } = stage(t, { info: 'one' });
  const joined = room.join();
  sockets[0].open();
  room.setInfo('two');
  sockets[0].say('peers', peersOf('me', []));
  await joined;
  assert.deepEqual(sockets[0].sent.map(({ data }) => data.info), ['one', 'two']);
});

test('info that is too large is refused, and not what the room joins anew with', async (t) => {
  const { room, sockets, log, join } = stage(t, { info: 'short' });
  const socket = await join();
  room.setInfo('x'.repeat(4096));
  assert.deepEqual([log, socket.heard('info')], [['error too_large'], []]);
  socket.break();
  await after(300);
  sockets[1].open();
  sockets[1].say('error', refusal('session_expired', false));
  assert.equal(sockets[1].sent[1].data.info, 'short');
});

test('who is away is told, and that they are back', async (t) => {
  const { room, log, join } = stage(t);
  const socket = await join();
  const { pc } = room.peers.get('ann');
  socket.say('peer_away', { socketId: 'ann', version: 11 });
  socket.say('peer_away', { socketId: 'ann', version: 11 });
  assert.equal(room.peers.get('ann').away, true);
  assert.equal(pc.signalingState, 'have-local-offer');
  socket.say('peer_back', { socketId: 'ann', version: 12 });
  socket.say('new_peer', { socketId: 'eve', info: null, away: true, version: 13 });
  socket.say('peer_away', { socketId: 'nobody', version: 13 });
  assert.equal(room.peers.get('ann').away, false);
  assert.equal(room.peers.get('eve').away, true);
  assert.deepEqual(log, ['peeraway ann', 'peerback ann', 'peerjoin eve']);
});

test('after a gap, what may be lost of a leg that hangs is said again', async (t) => {
  const { room, join } = stage(t);
  const socket = await join({ peers: ['ann', 'ben'] });
  const offers = socket.heard('offer');
  candidates(room, 'a');
  const ben = room.peers.get('ben').pc;
  socket.say('answer', { socketId: 'ben', sdp: { type: 'answer', sdp: 'v=0' }, streams: {}, round: 1 }, 1);
  await settle();
  ben.become('connected');
  socket.sent.length = 0;
  socket.say('gap');
  assert.deepEqual(socket.sent.map(({ eventName, data, n }) => [eventName, data.socketId, n]), [['offer', 'ann', 4], ['ice_candidate', 'ann', 5]]);
  assert.deepEqual(socket.sent[0].data, offers[0].data);
});

test('an offer that comes again gets the same answer, and an answer to another offer is dropped', async (t) => {
  const { room, join } = stage(t);
  const socket = await join({ peers: [] });
  socket.say('new_peer', { socketId: 'ann', info: null, version: 11 });
  socket.say('offer', OFFER, 1);
  socket.say('offer', OFFER, 2);
  await settle();
  const answers = socket.heard('answer').map(({ data }) => data);
  assert.equal(answers.length, 2);
  assert.deepEqual(answers[0], answers[1]);
  assert.equal(answers[0].round, 1);

  const { pc } = room.peers.get('ann');
  pc.restartIce();
  await settle();
  const answer = (round) => ({ socketId: 'ann', sdp: { type: 'answer', sdp: 'v=0' }, streams: {}, round });
  socket.say('answer', answer(7), 3);
  await settle();
  assert.equal(pc.signalingState, 'have-local-offer');
  socket.say('answer', answer(socket.heard('offer').at(-1).data.round), 4);
  await settle();
  assert.equal(pc.signalingState, 'stable');
});

test('what the gateway cannot take is said again, later each time, and is no error to anybody', async (t) => {
  const { log, join } = stage(t);
  const socket = await join();
  const offers = () => names(socket.heard('offer'));
  socket.say('error', { ...refusal('unavailable', true), n: 1, socketId: 'ann' });
  await after(299);
  assert.deepEqual(offers(), ['offer 1']);
  await after(1);
  assert.deepEqual(offers(), ['offer 1', 'offer 2']);
  socket.say('error', { ...refusal('unavailable', true), n: 2, socketId: 'ann' });
  await after(599);
  assert.equal(offers().length, 2);
  await after(1);
  assert.deepEqual(offers(), ['offer 1', 'offer 2', 'offer 3']);
  assert.deepEqual(log, []);
  socket.say('error', { ...refusal('bad_message', false), n: 3, socketId: 'ann' });
  assert.deepEqual(log, ['error bad_message']);
});

test('what was too fast is said again when the gateway has said, and not sooner', async (t) => {
  const { room, log, join } = stage(t);
  const socket = await join();
  const tooFast = (more) => socket.say('error', { ...refusal('rate_limited', true), retryAfterMs: 5000, ...more });
  tooFast({ n: 1, socketId: 'ann' });
  await after(5299);
  assert.deepEqual(names(socket.heard('offer')), ['offer 1']);
  await after(1);
  assert.deepEqual(names(socket.heard('offer')), ['offer 1', 'offer 2']);

  // What has no number may have been either of these.
  room.setInfo('one');
  socket.say('offer', { socketId: 'ann' }, 7);
  await after(500);
  const acks = () => socket.heard('ack').map(({ data }) => data.received);
  assert.deepEqual(acks(), [{ ann: 7 }]);
  tooFast({});
  await after(7999);
  assert.equal(socket.heard('info').length, 1);
  await after(1);
  assert.deepEqual(socket.heard('info').map(({ data }) => data.info), ['one', 'one']);
  await after(500);
  assert.deepEqual(acks(), [{ ann: 7 }, { ann: 7 }]);
  assert.deepEqual(log, []);
});

test('a join that is too fast fails and says when to try again; a return waits for as long by itself', async (t) => {
  const { room, sockets, log, join } = stage(t);
  const tooFast = { ...refusal('rate_limited', true), retryAfterMs: 5000 };
  const joined = room.join();
  sockets[0].open();
  sockets[0].say('error', tooFast);
  await assert.rejects(joined, { code: 'rate_limited', retryable: true, retryAfterMs: 5000 });

  sockets.length = 0;
  (await join()).break(4529);
  await after(300);
  sockets[1].open();
  sockets[1].say('error', tooFast);
  await after(5599);
  assert.equal(sockets.length, 2);
  await after(1);
  assert.equal(sockets.length, 3);
  assert.deepEqual(log, ['reconnecting 1 300 rate_limited', 'reconnecting 2 5600 rate_limited']);
});

test('a peer that is gone is sent nothing again', async (t) => {
  const { join } = stage(t);
  const socket = await join();
  socket.say('error', { ...refusal('unavailable', true), n: 1, socketId: 'ann' });
  socket.say('remove_peer', { socketId: 'ann', reason: 'left', version: 11 });
  await after(60_000);
  assert.equal(socket.heard('offer').length, 1);
});
