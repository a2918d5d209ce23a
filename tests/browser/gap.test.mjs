/* What the gateway acknowledged may be lost, and it says so: two rooms with real connections, some of whose signals never arrive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomsPage } from './rooms.mjs';

for (const lost of [['offer'], ['answer'], ['ice_candidate'], ['answer', 'ice_candidate'], ['offer', 'answer', 'ice_candidate']]) {
  test(`a first connection without ${lost.join(', ')}`, async (t) => {
    const page = await pageWithGaps(t);
    await page.evaluate(async (lost) => {
      const { first, second, lose, gap, next, picture } = globalThis;
      const streams = [next(first, 'stream'), next(second, 'stream')];
      for (const room of [first, second]) room.publish(picture());
      lose(...lost);
      const arrival = next(first, 'peerjoin');
      await first.join();
      await second.join();
      await arrival;
      await globalThis.quiet();
      lose();
      const connected = [first, second].map((room) => next(room, 'peerstate', (peer, state) => state === 'connected'));
      gap();
      await Promise.all([...connected, ...streams]);
    }, lost);
  });
}

for (const lost of [['offer'], ['answer']]) {
  for (const publishers of [['first'], ['second'], ['first', 'second']]) {
    test(`a stream of ${publishers.join(' and ')} without ${lost.join(', ')}`, async (t) => {
      const page = await pageWithGaps(t);
      const counts = await page.evaluate(async ({ lost, publishers }) => {
        const { first, second, lose, gap, next, picture, quiet } = globalThis;
        const connected = [first, second].map((room) => next(room, 'peerstate', (peer, state) => state === 'connected'));
        await first.join();
        await second.join();
        await Promise.all(connected);
        await quiet();
        lose(...lost);
        const others = { first: second, second: first };
        const streams = publishers.map((name) => next(others[name], 'stream'));
        for (const name of publishers) globalThis[name].publish(picture());
        await quiet();
        lose();
        gap();
        await Promise.all(streams);
        await quiet();
        const states = [first, second].map((room) => [...room.peers.values()][0].pc.signalingState);
        for (const room of [first, second]) room.publish(picture()); // which negotiates as ever
        await Promise.all([first, second].map((room) => next(room, 'stream')));
        return states;
      }, { lost, publishers });
      assert.deepEqual(counts, ['stable', 'stable']);
    });
  }
}

/** Two rooms, `first` and `second`; `lose()` names what they don't hear from now on, and `gap()` is the gateway telling it. */
async function pageWithGaps(t) {
  const page = await roomsPage(t);
  await page.evaluate(() => {
    const { sdk } = globalThis;
    let lost = [];
    let heardAt = 0;
    const ears = [];
    class Lossy extends WebSocket {
      addEventListener(type, listener, options) {
        if (type !== 'message') return super.addEventListener(type, listener, options);
        ears.push(listener);
        super.addEventListener(type, (message) => {
          heardAt = performance.now();
          if (!lost.includes(JSON.parse(message.data).eventName)) listener(message);
        }, options);
      }
    }
    Object.assign(globalThis, {
      first: new sdk.Room({ room: 'kitchen', WebSocket: Lossy }),
      second: new sdk.Room({ room: 'kitchen', WebSocket: Lossy }),
      lose: (...names) => (lost = names),
      gap: () => ears.forEach((hear) => hear(new MessageEvent('message', { data: '{"eventName":"gap","data":{}}' }))),
      /** Nothing was said for a while: all that could be told is told. */
      async quiet() {
        heardAt = performance.now();
        while (performance.now() - heardAt < 300) await new Promise((resolve) => setTimeout(resolve, 50));
      },
    });
  });
  return page;
}
