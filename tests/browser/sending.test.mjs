/* What is sent to whom, and what isn't. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOfTwo, roomsPage } from './rooms.mjs';

test('a view arrives as its bytes', async (t) => {
  const page = await pageOfTwo(t);
  const received = await page.evaluate(async () => {
    const { first, second, next } = globalThis;
    const bytes = new Uint8Array([0, 1, 2, 3, 4]);
    const received = [];
    for (const view of [bytes, bytes.subarray(1, 3), new DataView(bytes.buffer, 3)]) {
      const arrival = next(second, 'message');
      await first.send(view);
      const [, data] = await arrival;
      received.push([...new Uint8Array(data)]);
    }
    return received;
  });
  assert.deepEqual(received, [[0, 1, 2, 3, 4], [1, 2], [3, 4]]);
});

test('what JSON cannot say is refused', async (t) => {
  const page = await pageOfTwo(t);
  const codes = await page.evaluate(() => {
    const { first, codeOf } = globalThis;
    const cycle = {};
    cycle.again = cycle;
    return Promise.all([undefined, () => {}, new Blob(['x']), new File([], 'x'), 1n, cycle].map((data) => codeOf(first.send(data))));
  });
  assert.deepEqual(codes, Array(6).fill('bad_message'));
});

test('nothing is sent when one of those named is gone', async (t) => {
  const page = await pageOfTwo(t);
  const [code, first] = await page.evaluate(async () => {
    const { first, second, next, codeOf } = globalThis;
    const arrival = next(second, 'message');
    const code = await codeOf(first.send('to both', { to: [second.id, 'nobody'] }));
    await first.send('to one', { to: [second.id] });
    return [code, (await arrival)[1]];
  });
  assert.deepEqual([code, first], ['peer_gone', 'to one']);
});

test('one who never connects holds nobody up, and not all memory', async (t) => {
  const page = await pageOfTwo(t);
  const result = await page.evaluate(async () => {
    const { first, second, stranger, next, codeOf } = globalThis;
    const introduced = next(first, 'peerjoin');
    await stranger();
    const [{ id }] = await introduced;
    const arrival = next(second, 'message', (peer, data) => data === 'to everybody');
    const codes = [await codeOf(first.send('to everybody'))];
    await arrival;
    const waiting = codeOf(first.send('x'.repeat(1_000_000), { to: id }));
    codes.push(await codeOf(first.send('x'.repeat(100_000), { to: id })));
    codes.push(await codeOf(first.send('x'.repeat(100_000))));
    await first.leave();
    return [...codes, await waiting];
  });
  assert.deepEqual(result, ['sent', 'overloaded', 'sent', 'channel_closed']);
});

test('who connects later gets what was sent before', async (t) => {
  const page = await roomsPage(t);
  const received = await page.evaluate(async () => {
    const { sdk, next } = globalThis;
    const [first, second] = [new sdk.Room({ room: 'kitchen' }), new sdk.Room({ room: 'kitchen' })];
    const received = [];
    first.on('message', (peer, data) => received.push(data));
    const last = next(first, 'message', (peer, data) => data === 'three');
    await first.join();
    await second.join();
    await second.send('one');
    await second.send('two');
    await second.send('three', { to: first.id });
    await last;
    return received;
  });
  assert.deepEqual(received, ['one', 'two', 'three']);
});

test('a signal too large for the gateway is not sent, and the room goes on', async (t) => {
  const page = await pageOfTwo(t);
  const result = await page.evaluate(async () => {
    const { first, second, picture, next } = globalThis;
    const refused = [];
    for (const cause of [() => first.setInfo('x'.repeat(70_000)), () => first.publish(picture(), { source: 'é'.repeat(33_000) })]) {
      const told = next(first, 'error');
      cause();
      const [{ code, fatal, retryable, peerId }] = await told;
      refused.push([code, fatal, retryable, peerId === second.id]);
    }
    const arrival = next(second, 'peerinfo');
    first.setInfo('still there');
    const [peer] = await arrival;
    return [...refused, [first.state, peer.info]];
  });
  assert.deepEqual(result, [['too_large', false, false, false], ['too_large', false, false, true], ['joined', 'still there']]);
});

test('info too large for the gateway fails the join', async (t) => {
  const page = await roomsPage(t);
  const result = await page.evaluate(async () => {
    const room = new globalThis.sdk.Room({ room: 'kitchen', info: 'x'.repeat(70_000) });
    return [await globalThis.codeOf(room.join()), room.state];
  });
  assert.deepEqual(result, ['too_large', 'failed']);
});
