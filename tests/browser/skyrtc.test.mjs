/* A client of 2014 and our SDK in one room. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seesMovingPicture, stage, tileOf } from './harness.mjs';
import { prepare } from './rooms.mjs';
import { picturesMove, skyRtcClient } from './skyrtc.mjs';

test('a SkyRTC client that was there first is seen, and sees', async (t) => {
  const { join, visit } = await stage(t);
  const old = await skyRtcClient(await visit(), 'kitchen');
  const ada = await join('Ada', 'kitchen');
  await seesMovingPicture(ada, 'Guest');
  await picturesMove(old, 1);
});

test('a SkyRTC client that comes later is seen, and sees', async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  const old = await skyRtcClient(await visit(), 'kitchen');
  await seesMovingPicture(ada, 'Guest');
  await seesMovingPicture(ben, 'Guest');
  await picturesMove(old, 2);
  assert.deepEqual(await old.evaluate(() => globalThis.sent), { __join: 1, __offer: 2 }, 'one offer to each settles it');
});

test('a SkyRTC client and a page without devices', async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'kitchen', { permissions: [] });
  await skyRtcClient(await visit(), 'kitchen');
  await seesMovingPicture(ada, 'Guest');
});

test('writing in a room with a SkyRTC client reaches the others', async (t) => {
  const { join, visit } = await stage(t);
  await skyRtcClient(await visit(), 'kitchen');
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Guest');
  await ada.getByRole('textbox', { name: 'Message' }).fill('hello');
  await ada.getByRole('button', { name: 'Send' }).click();
  await ben.getByRole('listitem').filter({ hasText: 'hello' }).waitFor();
  assert.equal(await ada.getByText('could not be sent').count(), 0);
});

test('a SkyRTC client that offers when we do: we give way, although we were there first', async (t) => {
  const { sdkPage, visit } = await stage(t);
  const ours = await prepare(await sdkPage());
  await ours.evaluate(async () => {
    /** While there is one, offers wait to be heard. */
    let waiting = null;
    class Waiting extends WebSocket {
      addEventListener(type, listener, options) {
        if (type !== 'message') return super.addEventListener(type, listener, options);
        super.addEventListener(type, (message) => {
          if (waiting && JSON.parse(message.data).eventName === 'offer') waiting(() => listener(message));
          else listener(message);
        }, options);
      }

      send(text) {
        super.send(text);
        if (JSON.parse(text).eventName === 'offer') globalThis.onoffer?.();
      }
    }
    const { sdk, picture, next } = globalThis;
    const room = (globalThis.room = new sdk.Room({ room: 'kitchen', WebSocket: Waiting }));
    room.publish(picture());
    globalThis.connected = next(room, 'peerstate', (peer, state) => state === 'connected');
    globalThis.theirOffer = () => new Promise((resolve) => (waiting = resolve));
    await room.join();
  });
  const old = await skyRtcClient(await visit(), 'kitchen');
  await ours.evaluate(() => globalThis.connected);
  await picturesMove(old, 1);

  await ours.evaluate(() => {
    globalThis.crossed = globalThis.theirOffer().then(async (hear) => {
      const ourOffer = new Promise((resolve) => (globalThis.onoffer = resolve));
      globalThis.room.publish(globalThis.picture(), { source: 'screen' });
      await ourOffer;
      hear();
    });
  });
  await old.evaluate(() => globalThis.offer([...globalThis.connections.keys()][0]));
  await ours.evaluate(() => globalThis.crossed);
  await old.waitForFunction(() => {
    const [pc] = globalThis.connections.values();
    return pc.signalingState === 'stable' && pc.getTransceivers().filter(({ currentDirection }) => /recv/.test(currentDirection)).length === 2;
  });
});

test('a SkyRTC client that closes its page is gone', async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const old = await skyRtcClient(await visit(), 'kitchen');
  await tileOf(ada, 'Guest').waitFor();
  await old.close();
  await tileOf(ada, 'Guest').waitFor({ state: 'detached' });
});
