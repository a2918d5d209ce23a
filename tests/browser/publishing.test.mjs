/* Publishing as one should not, and can. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOfTwo } from './rooms.mjs';

test('what is taken back at once is settled soon', async (t) => {
  const page = await pageOfTwo(t);
  const offers = await page.evaluate(async () => {
    const { first, second, offers, picture, next } = globalThis;
    first.publish(picture()).unpublish();
    const later = first.publish(picture());
    later.unpublish();
    const end = performance.now() + 1000;
    while (performance.now() < end) {
      const arrival = next(second, 'message');
      await first.send('ping');
      await arrival;
    }
    const before = { ...offers };
    const seen = next(second, 'stream');
    first.publish(picture());
    await seen;
    return { before, after: offers };
  });
  assert(offers.before.first <= 4, `offers never end: ${JSON.stringify(offers)}`);
  assert.equal(offers.after.first, offers.before.first + 1, 'only the new picture asks for an offer');
});

test('the same track in two publications arrives as two streams', async (t) => {
  const page = await pageOfTwo(t);
  const sources = await page.evaluate(async () => {
    const { first, second, sdk, picture, next } = globalThis;
    const stream = picture();
    const both = next(second, 'stream', (peer) => peer.streams.size === 2);
    first.publish(stream);
    first.publish(stream, { source: 'again' });
    await both;
    const third = new sdk.Room({ room: 'kitchen' }); // gets both in one offer
    const bothToo = next(third, 'stream', (peer) => peer.streams.size === 2);
    await third.join();
    await bothToo;
    const sourcesIn = (room) => [...room.peers.get(first.id).streams.values()].map(({ source }) => source).sort();
    return [sourcesIn(second), sourcesIn(third)];
  });
  assert.deepEqual(sources, [['again', 'camera'], ['again', 'camera']]);
});

test('a track is replaced by one of its kind only', async (t) => {
  const page = await pageOfTwo(t);
  const error = await page.evaluate(() => {
    const { first, picture } = globalThis;
    const [video] = picture().getVideoTracks();
    return first.publish(picture()).replaceTrack('audio', video).catch((error) => error.name);
  });
  assert.equal(error, 'TypeError');
});

test('a track is replaced for all but those who refused it', async (t) => {
  const page = await pageOfTwo(t);
  const size = await page.evaluate(async () => {
    const { first, second, picture, next, sizeOf } = globalThis;
    const seen = next(second, 'stream');
    const publication = first.publish(picture());
    const [peer] = await seen;
    const third = new globalThis.sdk.Room({ room: 'kitchen' });
    const seenByThird = next(third, 'stream');
    await third.join();
    const [, stream] = await seenByThird;

    const { pc } = first.peers.get(second.id);
    const [transceiver] = pc.getTransceivers().filter(({ sender }) => sender.track);
    peer.pc.getTransceivers().find(({ mid }) => mid === transceiver.mid).stop();
    while (transceiver.currentDirection !== 'stopped') {
      await new Promise((resolve) => pc.addEventListener('signalingstatechange', resolve, { once: true }));
    }
    const [track] = picture(240, 160).getTracks();
    await publication.replaceTrack('video', track);
    await sizeOf(stream, 240, 160);
    return [stream.getTracks()[0].readyState];
  });
  assert.deepEqual(size, ['live']);
});
