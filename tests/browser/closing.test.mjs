/* Why a connection ended reaches the page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stage } from './harness.mjs';

test('a page that sends too much is told so, while it is still sending', async (t) => {
  const { visit } = await stage(t);
  const page = await visit();
  const codes = await page.evaluate(async () => {
    const codes = [];
    for (let tries = 0; tries < 20; tries++) {
      const socket = new WebSocket(`ws://${location.host}/ws`);
      await new Promise((resolve) => (socket.onopen = resolve));
      socket.send('x'.repeat(1024 * 1024));
      for (let more = 0; more < 200; more++) socket.send('x'.repeat(2500));
      codes.push(await new Promise((resolve) => (socket.onclose = ({ code }) => resolve(code))));
    }
    return codes;
  });
  assert.deepEqual(codes, Array(20).fill(1009));
});
