/* The page in the README, served from elsewhere as its readers would. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { stage } from './harness.mjs';

test('the page in the README works', async (t) => {
  const { gateway, visit } = await stage(t, ['--allow-origin', '*']);
  const url = await serve(t, readmePage().replaceAll('localhost:8080', gateway.address));

  let joined;
  const ann = await visit({ url, watch: (page) => (joined = hearsPeers(page)) });
  await joined; // so that it is Ben who finds somebody to greet
  const greeting = ann.waitForEvent('console', (line) => line.text() === 'Ann Hello!');
  const ben = await visit({ url });
  for (const page of [ann, ben]) {
    await page.waitForFunction(() => {
      const video = document.querySelector('#other');
      return video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 5;
    });
  }
  await greeting;
});

function hearsPeers(page) {
  return new Promise((resolve) => {
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => payload.includes('"peers"') && resolve());
    });
  });
}

function readmePage() {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, html] = readme.match(/```html\n(.*?)```/s);
  return html;
}

async function serve(t, html) {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 204, { 'content-type': 'text/html' }).end(request.url === '/' ? html : '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}
