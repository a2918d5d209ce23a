/* Both sides of a connection change it at the same moment: their offers cross, and one of both gives way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectTwo, roomsPage } from './rooms.mjs';

/** A test that fails needn't take minutes. */
const PATIENCE = { timeout: 60_000 };
const ROUNDS = 50;

test('both sides publish at once, 50 times, and each offer crosses another', PATIENCE, async (t) => {
  const page = await crossingPage(t);
  const result = await page.evaluate(async (ROUNDS) => {
    const { first, second, picture, next, cross } = globalThis;
    const rooms = [first, second];
    const trouble = [];
    for (const room of rooms) {
      room.on('error', (error) => trouble.push(error.code));
      room.on('peerstate', (peer, state) => trouble.push(state));
    }
    const tracks = [];
    let shown = [];
    for (let round = 0; round < ROUNDS; round++) {
      const source = `round ${round}`;
      const arrivals = rooms.map((room) => next(room, 'stream', (peer, stream, told) => told === source));
      const crossed = cross();
      const before = shown;
      shown = rooms.map((room) => room.publish(picture(), { source }));
      for (const publication of before) publication.unpublish();
      await crossed;
      for (const [, stream] of await Promise.all(arrivals)) tracks.push(stream.getTracks().map(({ readyState }) => readyState).join());
    }
    return { trouble, tracks };
  }, ROUNDS);
  assert.deepEqual(result.trouble, [], 'connected all the time, and no error');
  assert.deepEqual(result.tracks, Array(2 * ROUNDS).fill('live'));
});

test('both sides look for a new way at once, and each offer crosses another', PATIENCE, async (t) => {
  const page = await crossingPage(t);
  const states = await page.evaluate(async () => {
    const { first, second, next, cross } = globalThis;
    const peers = [first, second].flatMap((room) => [...room.peers.values()]);
    const fragment = (pc) => /a=ice-ufrag:(.*)/.exec(pc.localDescription.sdp)[1];
    const trouble = [];
    for (const room of [first, second]) room.on('error', (error) => trouble.push(error.code));
    for (let round = 0; round < 10; round++) {
      const before = peers.map(({ pc }) => fragment(pc));
      const renewed = peers.map(({ pc }, i) => new Promise((resolve) => {
        pc.addEventListener('signalingstatechange', () => pc.signalingState === 'stable' && fragment(pc) !== before[i] && resolve());
      }));
      const crossed = cross();
      for (const peer of peers) peer.restartIce();
      await crossed;
      await Promise.all(renewed);
      const arrivals = [first, second].map((room) => next(room, 'message', (peer, data) => data === round));
      await Promise.all([first.send(round), second.send(round), ...arrivals]);
    }
    return [...trouble, ...peers.map(({ state }) => state)];
  });
  assert.deepEqual(states, ['connected', 'connected']);
});

/**
 * Two rooms, `first` and `second`, connected. After `cross()`, neither hears an offer before each has made one;
 * it resolves when both have.
 */
async function crossingPage(t) {
  const page = await roomsPage(t);
  await page.evaluate(() => {
    /** What waits to be heard, by socket, while offers are to cross. */
    let queues = null;
    let haveCrossed;
    globalThis.cross = () => new Promise((resolve) => {
      queues = new Map();
      haveCrossed = resolve;
    });
    globalThis.WebSocket = class extends WebSocket {
      addEventListener(type, listener, options) {
        if (type !== 'message') return super.addEventListener(type, listener, options);
        super.addEventListener(type, (message) => {
          const hear = () => listener(message);
          const isFirstOffer = queues && !queues.has(this) && JSON.parse(message.data).eventName === 'offer';
          if (isFirstOffer) queues.set(this, []);
          if (!queues?.has(this)) return hear();
          queues.get(this).push(hear);
          if (queues.size === 2) release();
        }, options);
      }
    };
    function release() {
      const all = [...queues.values()].flat();
      queues = null;
      for (const hear of all) hear();
      haveCrossed();
    }
  });
  await connectTwo(page);
  return page;
}
