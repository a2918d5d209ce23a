/* The page in the README, served from elsewhere as its readers would. */
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { serve } from './elsewhere.mjs';
import { notesWhatItHears, stage } from './harness.mjs';

test('the page in the README works', async (t) => {
  const { gateway, visit } = await stage(t, ['--allow-origin', '*']);
  const url = await serve(t, readmePage().replaceAll('localhost:8080', gateway.address));

  const ann = await visit({ url, init: notesWhatItHears });
  await ann.waitForFunction(() => globalThis.heard('peers') > 0); // so that it is Ben who finds somebody to greet
  const greeting = ann.waitForEvent('console', (line) => line.text() === 'Ann Hello!');
  const ben = await visit({ url });
  for (const page of [ann, ben]) {
    await page.waitForFunction(() => {
      const video = document.querySelector('#other');
      return video.videoWidth > 0 && globalThis.framesOf(video) > 5;
    });
  }
  await greeting;
});

function readmePage() {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, html] = readme.match(/```html\n(.*?)```/s);
  return html;
}
