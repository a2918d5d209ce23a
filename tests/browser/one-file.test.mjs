/* The SDK in one file, on pages that come from elsewhere: by a script tag, and as a module. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './elsewhere.mjs';
import { stage } from './harness.mjs';

const WAYS = {
  'a script tag': (address) => `<script src="http://${address}/switchboard.iife.js"></script>`,
  'a module': (address) => `<script type="module">globalThis.Switchboard = await import('http://${address}/switchboard.min.js');</script>`,
};

for (const [first, second] of [['a script tag', 'a module'], ['a module', 'a script tag']]) {
  test(`a call: ${first} waits for ${second}`, async (t) => {
    const { gateway, visit } = await stage(t, ['--allow-origin', '*']);
    const [ann, ben] = await Promise.all(
      [first, second].map(async (way) => visit({ url: await serve(t, `<!doctype html>${WAYS[way](gateway.address)}<video muted></video>`) })),
    );
    await enter(ann, gateway.address);
    await enter(ben, gateway.address);
    for (const page of [ann, ben]) {
      await page.waitForFunction(() => {
        const video = document.querySelector('video');
        return video.videoWidth > 0 && globalThis.framesOf(video) > 5;
      });
    }
    const sent = await ben.evaluate(async () => {
      const { room } = globalThis;
      const [peer] = room.peers.keys();
      await room.send({ hello: 'Ann' }, { to: peer });
      await room.sendFile(new Blob(['some text']), { to: peer, name: 'a file' });
      return room.send('x', { to: 'nobody' }).catch((error) => [error instanceof Switchboard.SwitchboardError, error.name, error.code]);
    });
    assert.deepEqual(sent, [true, 'SwitchboardError', 'peer_gone']);
    await ann.waitForFunction(() => globalThis.heard.length === 2);
    assert.deepEqual(await ann.evaluate(() => globalThis.heard), [{ hello: 'Ann' }, 'a file: some text']);
  });
}

/** Joins with a camera. */
async function enter(page, address) {
  await page.waitForFunction(() => globalThis.Switchboard); // a module may load after its page
  return page.evaluate(async (address) => {
    const { Room, openCamera } = globalThis.Switchboard;
    const room = (globalThis.room = new Room({ room: 'kitchen', url: `ws://${address}/ws` }));
    const heard = (globalThis.heard = []);
    room.on('message', (peer, data) => heard.push(data));
    room.on('file', async (file) => heard.push(`${file.name}: ${await (await file.accept()).text()}`));
    room.on('stream', (peer, stream) => {
      const video = document.querySelector('video');
      video.srcObject = stream;
      video.play();
    });
    room.publish(await openCamera({ video: true }));
    await room.join();
  }, address);
}
