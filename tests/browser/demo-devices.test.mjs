/* Which camera, microphone and speaker are used, and what happens when one is unplugged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notIn, ONE_DEVICE_OF_A_KIND } from './browsers.mjs';
import { inCall, fillAndJoin, seesMovingPicture, stage, tileOf } from './harness.mjs';

test('another camera is chosen in the call, and the others go on seeing', notIn(ONE_DEVICE_OF_A_KIND), async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Ben');
  const before = await idOf(ben, 'video');
  const other = await choose(ben, 'Camera', before);
  await ben.waitForFunction((id) => document.querySelector('.own video').srcObject?.getVideoTracks()[0].getSettings().deviceId === id, other);
  await seesMovingPicture(ada, 'Ben');
});

test('a microphone that is silent stays silent when another is chosen', notIn(ONE_DEVICE_OF_A_KIND), async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', { init: keepsTracks });
  await ada.getByRole('button', { name: 'Microphone' }).click();
  const before = await ada.evaluate(() => globalThis.tracks.findLast(({ kind }) => kind === 'audio').getSettings().deviceId);
  const other = await choose(ada, 'Microphone', before);
  await ada.waitForFunction((id) => {
    const track = globalThis.tracks.findLast(({ kind }) => kind === 'audio');
    return track.getSettings().deviceId === id && !track.enabled && track.readyState === 'live';
  }, other);
  assert.equal(await ada.locator('#tools [data-device=microphone]').getAttribute('aria-pressed'), 'false');
});

for (const [device, kind, thing] of [['camera', 'video', 'fake_device'], ['microphone', 'audio', 'Fake']]) {
  test(`an unplugged ${device} is replaced by another one, and that is said`, notIn(ONE_DEVICE_OF_A_KIND), async (t) => {
    const { join } = await stage(t);
    const ada = await join('Ada', 'kitchen', { init: keepsTracks });
    const gone = await unplug(ada, kind);
    await ada.locator('#toast', { hasText: new RegExp(`${thing}.* is gone. Now you use .*${thing}`) }).waitFor();
    const live = await ada.evaluate((kind) => {
      const live = globalThis.tracks.filter((track) => track.kind === kind && track.readyState === 'live');
      return live.map((track) => track.getSettings().deviceId);
    }, kind);
    assert.equal(live.length, 1);
    assert.notEqual(live[0], gone);
    assert.equal(await ada.locator(`#tools [data-device=${device}]`).getAttribute('aria-pressed'), 'true');
  });
}

test('the last camera is unplugged: it is off, and that is said', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', { init: keepsTracks });
  await ada.evaluate(() => (navigator.mediaDevices.enumerateDevices = async () => []));
  await unplug(ada, 'video');
  await ada.getByText('Your camera is gone. The others don’t see you now.').waitFor();
  assert.equal(await ada.locator('#tools [data-device=camera]').getAttribute('aria-pressed'), 'false');
});

test('devices, name and language are remembered', notIn(ONE_DEVICE_OF_A_KIND), async (t) => {
  const { visit } = await stage(t);
  const page = await visit({ path: '/#kitchen' });
  const select = page.getByRole('combobox', { name: 'Camera' });
  await page.waitForFunction(() => document.querySelectorAll('#lobby-choices [data-kind=camera] option').length > 1);
  const [, other] = await select.locator('option').evaluateAll((options) => options.map(({ value }) => value));
  await select.selectOption(other);
  await fillAndJoin(page, 'Ada');
  await inCall(page);
  await page.reload();
  await page.waitForFunction((id) => document.querySelector('#preview video').srcObject?.getVideoTracks()[0].getSettings().deviceId === id, other);
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada');
  assert.equal(await select.inputValue(), other);
});

test('a loud microphone shows, a silent one does not', async (t) => {
  const { visit } = await stage(t);
  const page = await visit({ path: '/#kitchen' });
  await page.locator('#lobby [data-device=microphone][aria-pressed=true]').waitFor();
  await page.getByLabel('Your name').click(); // browsers make no sound before a first click
  const isMoving = () => Number(document.querySelector('#lobby .level').ariaValueNow) > 5;
  await page.waitForFunction(isMoving);
  await page.locator('#lobby [data-device=microphone]').click();
  await page.waitForFunction(() => document.querySelector('#lobby .level').ariaValueNow === '0');
});

test('the speaker that is chosen plays what comes', notIn({ firefox: 'it makes up no speakers' }), async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Ben');
  const other = await choose(ada, 'Speaker', 'default');
  await ada.waitForFunction((id) => document.querySelector('#people [aria-label=Ben] video').sinkId === id, other);
});

test('whoever speaks is marked', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen'); // a fake microphone beeps
  await ada.locator('#people .speaking[aria-label=Ben]').waitFor();
  await ben.getByRole('button', { name: 'Microphone' }).click();
  await ada.locator('#people [aria-label=Ben]:not(.speaking)').waitFor();
});

/** Chooses another device of a kind in the settings, and closes them. */
async function choose(page, label, before) {
  await page.getByRole('button', { name: 'Settings' }).click();
  const select = page.getByRole('dialog').getByRole('combobox', { name: label });
  const options = await select.locator('option').evaluateAll((all) => all.map(({ value }) => value));
  const other = options.findLast((value) => value !== before);
  await select.selectOption(other);
  await page.keyboard.press('Escape');
  return other;
}

function idOf(page, kind) {
  return page.evaluate((kind) => document.querySelector('.own video').srcObject.getTracks().find((track) => track.kind === kind).getSettings().deviceId, kind);
}

/** What a browser tells when a device is gone. */
function unplug(page, kind) {
  return page.evaluate((kind) => {
    const track = globalThis.tracks.findLast((track) => track.kind === kind);
    const { deviceId } = track.getSettings();
    track.stop();
    track.dispatchEvent(new Event('ended'));
    return deviceId;
  }, kind);
}

function keepsTracks() {
  globalThis.tracks = [];
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await open(constraints);
    globalThis.tracks.push(...stream.getTracks());
    return stream;
  };
}
