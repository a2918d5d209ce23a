/* Two browsers that are kept from finding a way to each other, and then are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomsPage } from './rooms.mjs';

/** A test that fails needn't take minutes. */
const PATIENCE = { timeout: 60_000 };
/** For documentation (RFC 5737): nobody is there. */
const NOWHERE = 'candidate:1 1 udp 2122260223 198.51.100.7 40000 typ host';

test('ways that lead nowhere: it fails, which is told once; and the next way is found', PATIENCE, async (t) => {
  const page = await pageWithout(t, NOWHERE);
  await page.clock.install();
  await page.evaluate(async () => {
    const { first, second, joinBoth, states } = globalThis;
    globalThis.errors = [];
    for (const [by, of] of [[first, second], [second, first]]) {
      by.on('error', ({ code, peerId }) => globalThis.errors.push([code, peerId === of.id]));
    }
    const failed = states('failed');
    await joinBoth();
    await Promise.any(failed);
  });
  assert.deepEqual(await page.evaluate(() => globalThis.errors), []);
  await page.clock.fastForward(4000);
  const errors = await page.evaluate(async () => {
    const { first, states, allow, settled } = globalThis;
    const connected = Promise.all(states('connected'));
    await settled();
    allow();
    for (const peer of first.peers.values()) peer.restartIce();
    await connected;
    return globalThis.errors;
  });
  assert(errors.length === 1 || errors.length === 2, 'one side may have heard of the other way before it gave up');
  for (const error of errors) assert.deepEqual(error, ['peer_failed', true]);
});

test('no ways at all, of which a browser makes nothing: the next is looked for all the same', PATIENCE, async (t) => {
  const page = await pageWithout(t, '');
  await page.clock.install();
  await page.evaluate(async () => {
    const { joinBoth, states, settled, allow } = globalThis;
    globalThis.connected = Promise.all(states('connected'));
    await joinBoth();
    await settled();
    allow();
  });
  await page.clock.fastForward(15_000);
  await page.evaluate(() => globalThis.connected);
});

/** Two rooms, `first` and `second`, that hear of no candidates, or of this one in place of each; until `allow()`. */
async function pageWithout(t, candidate) {
  const page = await roomsPage(t);
  await page.evaluate((substitute) => {
    const { sdk, next } = globalThis;
    /** The sides' names for the ways of now, until they look for others. */
    const blocked = new Set();
    let isAllowed = false;
    const isBlocked = (fragment) => (isAllowed ? blocked.has(fragment) : blocked.add(fragment));
    const strip = (sdp) => sdp.replace(/a=candidate:.*\r\n/g, substitute && `a=${substitute}\r\n`);
    const filtered = ({ eventName, data, n }) => {
      const { candidate, usernameFragment, sdp } = data;
      if (candidate && isBlocked(usernameFragment)) data.candidate = substitute;
      if (sdp && isBlocked(/a=ice-ufrag:(.*)\r/.exec(sdp.sdp)[1])) sdp.sdp = strip(sdp.sdp);
      return JSON.stringify({ eventName, data, n });
    };
    class Blocking extends WebSocket {
      addEventListener(type, listener, options) {
        if (type !== 'message') return super.addEventListener(type, listener, options);
        super.addEventListener(type, ({ data }) => listener(new MessageEvent('message', { data: filtered(JSON.parse(data)) })), options);
      }
    }
    const rooms = ['first', 'second'].map((name) => (globalThis[name] = new sdk.Room({ room: 'kitchen', WebSocket: Blocking })));
    Object.assign(globalThis, {
      allow: () => (isAllowed = true),
      /** What becomes of both sides. */
      states: (is) => rooms.map((room) => next(room, 'peerstate', (peer, state) => state === is)),
      async joinBoth() {
        for (const room of rooms) await room.join();
      },
      /** Each knows what the other wants. */
      async settled() {
        const isSettled = (room) => [...room.peers.values()].some(({ pc }) => pc.remoteDescription && pc.signalingState === 'stable');
        while (!rooms.every(isSettled)) await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
  }, candidate);
  return page;
}
