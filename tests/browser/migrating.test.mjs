/* The page in docs/migrating-from-skyrtc.md, in one room with its like and with a page of 2014. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NO_DOWNLOADS, notIn } from './browsers.mjs';
import { serve } from './elsewhere.mjs';
import { stage } from './harness.mjs';
import { picturesMove, skyRtcClient } from './skyrtc.mjs';

test('old and new pages see each other, and new ones write to each other', async (t) => {
  const { visit, ann, ben } = await twoNewPages(t);
  const old = await skyRtcClient(await visit(), 'kitchen');
  await picturesMove(old, 2);
  for (const page of [ann, ben]) await seesOthers(page, 2);
  await ann.getByLabel('Message').fill('Hello!');
  await ann.getByRole('button', { name: 'Send' }).click();
  await ben.getByText(/: Hello!$/).waitFor();
  await old.close();
  for (const page of [ann, ben]) await page.waitForFunction(() => document.querySelectorAll('#videos video').length === 1);
});

test('new pages send files to each other', notIn(NO_DOWNLOADS), async (t) => {
  const { ann, ben } = await twoNewPages(t);
  for (const page of [ann, ben]) await seesOthers(page, 1);
  const asked = new Promise((resolve) => ben.once('dialog', (dialog) => resolve(dialog.message(), dialog.accept())));
  const download = ben.waitForEvent('download');
  await ann.getByLabel('File').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Soup at eight') });
  await ann.getByRole('button', { name: 'Share' }).click();
  assert.match(await asked, /wants to send you notes\.txt, 13 bytes/);
  const file = await download;
  assert.equal(file.suggestedFilename(), 'notes.txt');
  assert.equal(readFileSync(await file.path(), 'utf8'), 'Soup at eight');
});

async function twoNewPages(t) {
  const { gateway, visit } = await stage(t, ['--allow-origin', '*']);
  const site = await serve(t, newPage().replaceAll('https://rooms.example.org', `http://${gateway.address}`)
    .replaceAll('wss://rooms.example.org', `ws://${gateway.address}`));
  const [ann, ben] = [await visit({ url: `${site}#kitchen` }), await visit({ url: `${site}#kitchen` })];
  return { visit, ann, ben };
}

/** Waits until the pictures of so many others move. */
function seesOthers(page, count) {
  return page.waitForFunction((count) => {
    const videos = [...document.querySelectorAll('#videos video')];
    return videos.length === count && videos.every((video) => globalThis.framesOf(video) > 5);
  }, count);
}

function newPage() {
  const guide = readFileSync(new URL('../../docs/migrating-from-skyrtc.md', import.meta.url), 'utf8');
  const [, html] = guide.match(/```html\n(.*?)```/s);
  return html;
}
