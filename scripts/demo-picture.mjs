// Takes the picture of the demo room that README.md shows: six people who are drawn, a chat, and a file.
//
//   node scripts/demo-picture.mjs [FILE]      docs/images/demo-room.png, if no file is named
//
// Needs a gateway (cargo build, or SWITCHBOARD_BIN), Chromium (CHROMIUM_BIN, if it isn't /usr/bin/chromium) and `npm ci --prefix client`.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { withPalette } from './lib/palette.mjs';
import { film, PEOPLE, sketch } from './lib/people.mjs';

const ROOT = path.join(import.meta.dirname, '..');
const { chromium } = createRequire(path.join(ROOT, 'client/package.json'))('playwright-core');
const target = process.argv[2] ?? path.join(ROOT, 'docs/images/demo-room.png');
const ROOM = 'calm-otter-417';
const SIZE = { width: 1280, height: 800 };
/** Of the windows that nobody looks at: less to draw. */
const SMALL = { width: 980, height: 500 };
/** Six calls at once take their time. */
const PATIENCE_MS = 120_000;

const gateway = spawn(binary(), ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--log-format', 'json'], { stdio: ['ignore', 'ignore', 'pipe'] });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'],
});
try {
  await takePicture(await addressOf(gateway));
} finally {
  await browser.close();
  gateway.kill();
}

async function takePicture(address) {
  const pages = new Map();
  for (const person of PEOPLE) pages.set(person.name, await join(address, person, pages.size === 0 ? SIZE : SMALL));
  const [own, ...others] = [...pages.values()];
  for (const { name } of PEOPLE.slice(1)) await seesMoving(own, name);

  await write(pages.get('Ben Okri'), 'Morning! Did everybody find the link?');
  await write(pages.get('Mei Lin'), 'Yes, it even opened on my phone.');
  await write(own, 'Great. Then let us look at the sketch.');
  const [chooser] = await Promise.all([others[2].waitForEvent('filechooser'), others[2].locator('#share-file').click()]);
  await chooser.setFiles({ name: 'mesh.png', mimeType: 'image/png', buffer: Buffer.from(await own.evaluate(sketch), 'base64') });
  await own.getByRole('button', { name: 'Accept' }).click();
  await own.locator('.thumbnail').waitFor();
  await own.locator('#people .speaking').first().waitFor();
  await own.mouse.move(SIZE.width / 2, 20);
  await own.locator('#messages > :last-child').scrollIntoViewIfNeeded();
  await own.waitForFunction(() => document.getAnimations().every(({ playState }) => playState === 'finished'));
  await own.bringToFront();
  await own.waitForFunction(() => document.querySelector('#people .own video').getVideoPlaybackQuality().totalVideoFrames > 5);
  writeFileSync(target, await withPalette(own, await own.screenshot()));
}

async function join(address, person, viewport) {
  const context = await browser.newContext({ viewport, permissions: ['camera', 'microphone'], locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript(film, person);
  await page.goto(`http://${address}/#${ROOM}`);
  await page.getByLabel('Your name').fill(person.name);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('button', { name: 'Leave' }).waitFor();
  return page;
}

async function write(page, text) {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** Until the picture is as sharp as it gets. */
async function seesMoving(page, name) {
  const video = await page.locator('#people').getByRole('article', { name, exact: true }).locator('video').elementHandle();
  await page.waitForFunction((video) => video.videoWidth >= 640 && video.getVideoPlaybackQuality().totalVideoFrames > 12, video);
}

function binary() {
  const built = ['release', 'debug'].map((profile) => path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), profile, 'switchboard'));
  const found = process.env.SWITCHBOARD_BIN ?? built.find(existsSync);
  if (!found) throw new Error('build the gateway first (cargo build), or set SWITCHBOARD_BIN');
  return found;
}

/** What its first log line says. */
async function addressOf({ stderr }) {
  for await (const line of createInterface(stderr)) {
    const { message, address } = JSON.parse(line);
    if (message === 'listening') return address;
  }
  throw new Error('the gateway ended');
}
