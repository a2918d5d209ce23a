/* The demo room as a page: languages, keys, screens of all sizes, the invitation. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fillAndJoin, inCall, stage, tileOf } from './harness.mjs';

const inClient = createRequire(new URL('../../client/package.json', import.meta.url));
const SIZES = [[360, 640], [390, 844], [844, 390], [1000, 400], [1366, 768], [2560, 1440]];

/** What is written in Latin letters everywhere: the project's own name, the names of languages and people, units and keys. */
const NOT_TO_TRANSLATE = /Switchboard|English|kitchen|Ada|Ben|https?:\S+|\b(NAT|TURN|QR|AL|fake_device_\d|Fake [\w ()]+|Default (?:Audio|Video) Device|ms|fps|kbit\/s|[A-Z])\b/g;

test('in Chinese, nothing is left in English', async (t) => {
  const { visit, join } = await stage(t);
  await join('Ben', 'kitchen');
  const page = await visit({ path: '/#kitchen', locale: 'zh-CN' });
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh');
  await page.locator('#lobby [data-device=camera][aria-pressed=true]').waitFor();
  assert.deepEqual(await untranslated(page), []);
  await page.getByLabel('你的名字').fill('Ada');
  await page.getByRole('button', { name: '加入' }).click();
  await page.getByRole('button', { name: '离开' }).waitFor();
  await page.locator('#people [aria-label=Ben]').waitFor();
  for (const button of ['统计信息', '键盘快捷键']) {
    await page.getByRole('button', { name: button }).click();
    if (await page.getByRole('dialog').isVisible()) await page.keyboard.press('Escape');
  }
  await page.locator('#people [aria-label=Ben] .stats').waitFor();
  assert.deepEqual(await untranslated(page), []);
});

test('the language changes at once, everywhere, and is remembered', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  await join('Ben', 'kitchen');
  await ada.getByRole('log').getByText('Ben joined').waitFor();
  await ada.getByRole('button', { name: 'Settings' }).click();
  await ada.getByRole('dialog').getByRole('combobox', { name: 'Language' }).selectOption('zh');
  await ada.keyboard.press('Escape');
  await ada.getByRole('log').getByText('Ben 加入了').waitFor();
  await ada.getByText('2 人').waitFor();
  assert.deepEqual(await untranslated(ada), []);
  await ada.reload();
  assert.equal(await ada.locator('html').getAttribute('lang'), 'zh');
  await ada.getByRole('combobox', { name: '语言' }).selectOption('en');
  await ada.getByRole('button', { name: 'Join' }).waitFor();
});

test('keys press buttons, but not while somebody types', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const microphone = ada.locator('#tools [data-device=microphone]');
  await ada.keyboard.press('m');
  assert.equal(await microphone.getAttribute('aria-pressed'), 'false');
  await ada.keyboard.press('Control+m');
  assert.equal(await microphone.getAttribute('aria-pressed'), 'false');
  await ada.getByRole('textbox', { name: 'Message' }).click();
  await ada.keyboard.type('mv,?ci');
  assert.equal(await ada.getByRole('textbox', { name: 'Message' }).inputValue(), 'mv,?ci');
  assert.equal(await microphone.getAttribute('aria-pressed'), 'false');
  assert.equal(await ada.getByRole('dialog').count(), 0);
  await ada.locator('#room-name').focus();
  await ada.keyboard.press('m');
  assert.equal(await microphone.getAttribute('aria-pressed'), 'true');
  await ada.keyboard.press('v');
  await ada.locator('#tools [data-device=camera][aria-pressed=false]').waitFor();
  await ada.keyboard.press('c');
  await ada.getByRole('log').waitFor({ state: 'hidden' });
});

test('the help lists each key with what it does, and no key twice', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  await ada.keyboard.press('?');
  const help = ada.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await help.waitFor();
  const keys = await help.locator('kbd').allTextContents();
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual([...keys].sort(), [',', '?', 'C', 'F', 'I', 'M', 'Q', 'S', 'V']);
  assert.deepEqual(await help.locator('dd').evaluateAll((all) => all.filter(({ textContent }) => !textContent).length), 0);
  await ada.keyboard.press('m');
  assert.equal(await ada.locator('#tools [data-device=microphone]').getAttribute('aria-pressed'), 'true', 'a dialog has the keyboard');
});

test('the QR code leads into the room', async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'my kitchen 厨房', { colorScheme: 'dark' });
  await ada.getByRole('button', { name: 'QR code' }).click();
  const picture = await ada.getByRole('img', { name: 'QR code of the link' }).screenshot();
  const text = await decoded(ada, picture);
  assert.equal(text, ada.url());
  const ben = await visit({ url: text });
  assert.equal(await ben.getByLabel('Room').inputValue(), 'my kitchen 厨房');
});

for (const [width, height] of SIZES) {
  test(`${width} × ${height}: nothing to scroll sideways, and every button in reach`, async (t) => {
    const { join, visit } = await stage(t);
    const lobby = await visit({ path: '/#kitchen', viewport: { width, height } });
    await assertFits(lobby);
    await fillAndJoin(lobby, 'Ada');
    await inCall(lobby);
    await join('Ben', 'kitchen');
    await tileOf(lobby, 'Ben').waitFor();
    await assertFits(lobby);
    await assertInReach(lobby);
    const more = lobby.getByRole('button', { name: 'More' });
    if (!(await more.isVisible())) return;
    await more.click();
    await lobby.getByRole('button', { name: 'Settings' }).waitFor();
    await assertInReach(lobby);
    await lobby.getByRole('button', { name: 'Settings' }).click();
    await lobby.getByRole('dialog').waitFor();
    assert.equal(await more.getAttribute('aria-expanded'), 'false');
    await assertFits(lobby);
  });
}

test('nine people fit, none over another', async (t) => {
  const { visit } = await stage(t);
  const page = await visit({ path: '/#kitchen', viewport: { width: 390, height: 844 } });
  await fillAndJoin(page, 'Ada');
  await inCall(page);
  await page.evaluate(async () => {
    const { Room } = await import('/switchboard.js');
    for (let i = 2; i <= 9; i++) await new Room({ room: 'kitchen', info: { name: `Guest ${i}` } }).join();
  });
  await page.getByText('9 people').waitFor();
  for (const pinned of [null, 'Guest 3']) {
    if (pinned) await page.getByRole('button', { name: `Make ${pinned} large` }).click();
    await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState === 'finished'));
    const boxes = await page.locator('#people > *').evaluateAll((tiles) => tiles.map((tile) => tile.getBoundingClientRect().toJSON()));
    assert.equal(boxes.length, 9);
    for (const [index, box] of boxes.entries()) {
      assert(box.width > 60 && box.left >= 0 && box.right <= 390 && box.top >= 0 && box.bottom <= 844, JSON.stringify(box));
      for (const other of boxes.slice(index + 1)) {
        assert(box.right <= other.left || other.right <= box.left || box.bottom <= other.top || other.bottom <= box.top);
      }
    }
  }
});

test('statistics are plausible, and go again', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  await join('Ben', 'kitchen');
  await tileOf(ada, 'Ben').waitFor();
  const toggle = ada.getByRole('button', { name: 'Statistics' });
  await toggle.click();
  const shown = tileOf(ada, 'Ben').locator('.stats');
  await shown.filter({ hasText: /Route(direct|direct, NAT).*Round trip\d+ ms.*In[1-9][\d,]* kbit\/s.*Out[1-9][\d,]* kbit\/s.*Picture\d{3} × \d{3}/ }).waitFor();
  assert.match(await shown.textContent(), /Loss\d(\.\d)? %/);
  assert.equal(await toggle.getAttribute('aria-pressed'), 'true');
  await toggle.click();
  await shown.waitFor({ state: 'hidden' });
});

/** Texts, labels and hints with Latin letters that have no business there. */
function untranslated(page) {
  return page.evaluate((pattern) => {
    const found = [];
    const look = (/** @type {string | null} */ text) => text && /[a-z]{2}/i.test(text.replace(new RegExp(pattern, 'g'), '')) && found.push(text.trim());
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) if (texts.currentNode.parentElement.tagName !== 'TIME') look(texts.currentNode.textContent);
    for (const element of document.body.querySelectorAll('*')) {
      for (const name of ['aria-label', 'data-tip', 'placeholder', 'title', 'alt']) look(element.getAttribute(name));
    }
    return found;
  }, NOT_TO_TRANSLATE.source);
}

async function assertFits(page) {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(content <= view, `${content} > ${view}`);
}

/** Each button that shows can be pressed where it is; what is open may lie over a picture. */
async function assertInReach(page) {
  const hidden = await page.locator('#call button:not(.pin):visible').evaluateAll((buttons) => buttons.filter((button) => {
    const { left, top, right, bottom, width, height } = button.getBoundingClientRect();
    const isInside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && width >= 32 && height >= 32;
    return !isInside || !button.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  }).map((button) => button.ariaLabel ?? button.textContent));
  assert.deepEqual(hidden, []);
}

async function decoded(page, png) {
  const blank = await page.context().newPage();
  await blank.evaluate(readFileSync(inClient.resolve('jsqr'), 'utf8').replace(/^/, 'var module, exports, define;'));
  return blank.evaluate(async (base64) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    return globalThis.jsQR(data, width, height)?.data;
  }, png.toString('base64'));
}
