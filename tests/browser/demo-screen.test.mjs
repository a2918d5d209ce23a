/* Screens, and which picture is large. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seesMovingPicture, stage, tileOf } from './harness.mjs';

test('a shared screen is one more picture, large, whole and not mirrored, until its owner stops', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen', { init: hasScreen });
  await seesMovingPicture(ada, 'Ben');
  const share = ben.getByRole('button', { name: 'Share screen' });
  await share.click();
  await seesMovingPicture(ada, 'Ben’s screen');
  await seesMovingPicture(ada, 'Ben');
  assert.equal(await isLarge(ada, 'Ben’s screen'), true);
  const { objectFit, transform } = await tileOf(ada, 'Ben’s screen').locator('video').evaluate((video) => {
    const { objectFit, transform } = getComputedStyle(video);
    return { objectFit, transform };
  });
  assert.deepEqual([objectFit, transform], ['contain', 'none']);
  assert.equal(await isLarge(ben, 'Your screen'), false, 'no tunnel');
  assert.equal(await share.getAttribute('aria-pressed'), 'true');
  await share.click();
  await tileOf(ada, 'Ben’s screen').waitFor({ state: 'detached' });
  await tileOf(ben, 'Your screen').waitFor({ state: 'detached' });
  assert.equal(await share.getAttribute('aria-pressed'), 'false');
});

test("a screen that is stopped by the browser's own button is gone", async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen', { init: hasScreen });
  await ben.getByRole('button', { name: 'Share screen' }).click();
  await tileOf(ada, 'Ben’s screen').waitFor();
  await ben.evaluate(() => globalThis.stopScreen());
  await tileOf(ada, 'Ben’s screen').waitFor({ state: 'detached' });
  await ben.getByText('Your screen is no longer shared.').waitFor();
});

test('who comes later sees the screen, and who leaves takes it along', async (t) => {
  const { join } = await stage(t);
  const ben = await join('Ben', 'kitchen', { init: hasScreen });
  await ben.getByRole('button', { name: 'Share screen' }).click();
  const ada = await join('Ada', 'kitchen');
  await seesMovingPicture(ada, 'Ben’s screen');
  await ben.getByRole('button', { name: 'Leave' }).click();
  await tileOf(ada, 'Ben’s screen').waitFor({ state: 'detached' });
  assert.equal(await ben.evaluate(() => globalThis.screens.every((track) => track.readyState === 'ended')), true);
});

test('a screen that somebody thinks better of sharing is nothing to talk about', async (t) => {
  const { join } = await stage(t);
  const ben = await join('Ben', 'kitchen', {
    init: () => (navigator.mediaDevices.getDisplayMedia = async () => {
      throw globalThis.refusal ?? new DOMException('Permission denied by user', 'NotAllowedError');
    }),
  });
  const share = ben.getByRole('button', { name: 'Share screen' });
  await ben.evaluate(() => {
    globalThis.said = [];
    const toast = document.querySelector('#toast');
    new MutationObserver(() => globalThis.said.push(toast.textContent)).observe(toast, { childList: true, characterData: true, subtree: true });
  });
  await share.click();
  await ben.evaluate(() => (globalThis.refusal = new DOMException('Permission denied by system', 'NotAllowedError')));
  await share.click();
  await ben.getByText('Your screen was not shared').waitFor(); // what the first set off is over by then
  assert.equal((await ben.evaluate(() => globalThis.said)).filter(Boolean).length, 1);
  assert.equal(await share.getAttribute('aria-pressed'), 'false');
});

test('whoever is pinned is large, and a screen that comes does not change that', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen', { init: hasScreen });
  await join('Eve', 'kitchen');
  await tileOf(ada, 'Eve').waitFor();
  await tileOf(ada, 'Eve').hover();
  await ada.getByRole('button', { name: 'Make Eve large' }).click();
  await becomesLarge(ada, 'Eve');
  await ben.getByRole('button', { name: 'Share screen' }).click();
  await tileOf(ada, 'Ben’s screen').waitFor();
  assert.equal(await isLarge(ada, 'Eve'), true);
  await ada.getByRole('button', { name: 'Make Eve small again' }).click();
  await becomesLarge(ada, 'Ben’s screen');
  await ada.getByRole('button', { name: 'Make Ben’s screen small again' }).click();
  await ada.waitForFunction(() => document.querySelector('.pinned') === null);
});

/** @param {string} name */
async function isLarge(page, name) {
  return tileOf(page, name).evaluate((tile) => tile.classList.contains('pinned'));
}

/** Four times the area of any other, once everything is in its place. */
function becomesLarge(page, name) {
  return page.waitForFunction((name) => {
    const area = (/** @type {Element} */ tile) => tile.clientWidth * tile.clientHeight;
    const [large, ...others] = [...document.querySelectorAll('#people > *')].sort((a, b) => area(b) - area(a));
    return large.ariaLabel === name && others.every((tile) => area(large) > 4 * area(tile));
  }, name);
}

/** A screen to share, without the browser's question; `stopScreen()` is its own button. */
function hasScreen() {
  globalThis.screens = [];
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const context = canvas.getContext('2d');
    let frames = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${frames++ * 7} 60% 50%)`;
      context.fillRect(0, 0, 1280, 720);
    }, 50);
    const stream = canvas.captureStream();
    globalThis.screens.push(...stream.getTracks());
    return stream;
  };
  globalThis.stopScreen = () => globalThis.screens.forEach((track) => {
    track.stop();
    track.dispatchEvent(new Event('ended'));
  });
}
