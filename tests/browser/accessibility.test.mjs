/* No screen has a barrier that a machine can find, in light and dark, on a desk and on a phone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminApi, member, node, TOKEN } from './admin-api.mjs';
import { barriers } from './axe.mjs';
import { notIn, SERVER_AWAY } from './browsers.mjs';
import { canBeRemoved, fillAndJoin, seesMovingPicture, stage, tileOf, visitors, write } from './harness.mjs';

const DEVICES = { desk: { viewport: { width: 1280, height: 800 } }, phone: { viewport: { width: 390, height: 844 } } };
const SCHEMES = ['light', 'dark'];
const NO_ROOM = encodeURIComponent('🦦'.repeat(33));

/** The screens of the demo room, and what leads to each. */
const ROOM = {
  'the lobby': ({ visit, device }) => visit({ path: '/#kitchen', ...device }),

  'the lobby, in Chinese': ({ visit, device }) => visit({ path: '/#kitchen', locale: 'zh-CN', ...device }),

  async 'the lobby of somebody whose devices are denied'({ visit, device }) {
    const page = await visit({ path: '/#kitchen', permissions: [], ...device });
    await page.locator('#media-notice').getByRole('button').waitFor();
    return page;
  },

  async 'the lobby after a refusal'({ visit, device }) {
    const page = await visit({ path: `/#${NO_ROOM}`, ...device });
    await fillAndJoin(page, 'Ada');
    await page.getByText('A room cannot have this name.').waitFor();
    return page;
  },

  'a call, alone': ({ join, device }) => join('Ada', 'kitchen', device),

  async 'a call of three, one without a picture, and one muted'({ join, device }) {
    const ada = await join('Ada', 'kitchen', device);
    await join('Ben', 'kitchen', { permissions: [] });
    const eve = await join('Eve', 'kitchen');
    await eve.getByRole('button', { name: 'Microphone' }).click();
    await seesMovingPicture(ada, 'Eve');
    await tileOf(ada, 'Eve').getByLabel('Microphone off').waitFor();
    return ada;
  },

  async 'a call with its statistics, and one pinned'({ join, device }) {
    const ada = await join('Ada', 'kitchen', device);
    await join('Ben', 'kitchen');
    await seesMovingPicture(ada, 'Ben');
    await press(ada, 'Statistics');
    await tileOf(ada, 'Ben').getByText('kbit/s').first().waitFor();
    await tileOf(ada, 'Ben').getByRole('button').click();
    return ada;
  },

  async 'the chat, with files'({ join, device }) {
    const ada = await join('Ada', 'kitchen', device);
    const ben = await join('Ben', 'kitchen');
    const toggle = ada.getByRole('button', { name: 'Chat', exact: true });
    if ((await toggle.getAttribute('aria-expanded')) === 'false') await toggle.click();
    await seesMovingPicture(ben, 'Ada');
    await write(ben, 'Good morning');
    await write(ada, 'Good morning, Ben');
    const log = ada.getByRole('log');
    await log.getByText('Good morning', { exact: true }).waitFor();
    await give(ben, 'taken.txt');
    await log.getByRole('button', { name: 'Accept' }).click();
    await log.getByRole('link', { name: 'Download' }).waitFor();
    await give(ben, 'offered.txt');
    await log.getByRole('button', { name: 'Accept' }).waitFor();
    await give(ada, 'given.txt');
    await log.getByText('Waiting for Ben').waitFor();
    return ada;
  },

  'the settings': (stage) => dialog(stage, 'Settings'),

  'the invitation': (stage) => dialog(stage, 'QR code'),

  'the shortcuts': (stage) => dialog(stage, 'Keyboard shortcuts'),

  async 'a call whose server is away'({ gateway, join, expectError, device }) {
    expectError(SERVER_AWAY);
    const ada = await join('Ada', 'kitchen', device);
    await gateway.stop();
    await ada.getByText('The connection to the server is gone.').waitFor();
    return ada;
  },

  async 'a call that somebody was removed from'({ join, device }) {
    const ada = await join('Ada', 'kitchen', { init: canBeRemoved, ...device });
    await ada.evaluate(() => globalThis.remove());
    await ada.getByText('You were removed from this room.').waitFor();
    return ada;
  },
};

/** The screens of the cluster page. */
const CLUSTER = {
  'the sign-in': ({ visit, device }) => visit({ permissions: [], ...device }),

  async 'the sign-in after a wrong token'({ visit, expectError, device }) {
    expectError(/401/);
    const page = await visit({ permissions: [], ...device });
    await signIn(page, 'something else');
    await page.getByText("That isn't this node's token.").waitFor();
    return page;
  },

  'the cluster': signedIn,

  async 'a question'(stage) {
    const page = await signedIn(stage);
    await page.getByRole('button', { name: 'Drain b' }).click();
    await page.getByRole('dialog').waitFor();
    return page;
  },

  async 'a room of the cluster'(stage) {
    const page = await signedIn(stage);
    await page.getByRole('link', { name: 'kitchen' }).click();
    await page.getByText('Send something to this room').click();
    await page.getByRole('button', { name: 'Kick ada' }).waitFor();
    return page;
  },
};

for (const [screen, show] of Object.entries(ROOM)) inEachLook(screen, async (t, device) => show({ ...(await stage(t)), device }));
for (const [screen, show] of Object.entries(CLUSTER)) inEachLook(screen, async (t, device) => show({ ...(await visitors(t, await cluster())), device }));

function inEachLook(screen, show) {
  for (const [name, device] of Object.entries(DEVICES)) {
    test(`${screen}, on a ${name}`, notIn({ firefox: 'its driver knows no colour schemes, and axe finds the same there' }), async (t) => {
      const page = await show(t, { reducedMotion: 'reduce', ...device });
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await barriers(page), [], `in ${colorScheme}`);
      }
    });
  }
}

/** A cluster with something of everything. */
async function cluster() {
  const api = await AdminApi.start();
  api.nodes = [node('a', { self: true, sockets: 3, members: 2 }), node('b', { health: 'no link to Redis' }), node('c', { draining: true }), { node: 'd', self: false, answers: false }];
  api.rooms.set('kitchen', [member('ada', { info: { name: 'Ada' } }), member('ben', { node: null, away: true })]);
  api.sockets.set('ada', { ageSeconds: 90, address: '203.0.113.7', sent: 1, received: 1, waiting: 0, waitingBytes: 0 });
  return api;
}

/** Where a button waits behind another one, it is pressed there. */
async function press(page, name) {
  const button = page.getByRole('button', { name, exact: true });
  if (!(await button.isVisible())) await page.getByRole('button', { name: 'More' }).click();
  await button.click();
}

async function dialog({ join, device }, opener) {
  const page = await join('Ada', 'kitchen', device);
  await press(page, opener);
  await page.getByRole('dialog').waitFor();
  return page;
}

function give(page, name) {
  return page.locator('#files').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from('tea') });
}

async function signedIn({ visit, device }) {
  const page = await visit({ permissions: [], ...device });
  await signIn(page, TOKEN);
  await page.getByRole('link', { name: 'kitchen' }).waitFor();
  return page;
}

async function signIn(page, token) {
  await page.getByLabel('Admin token').fill(token);
  await page.keyboard.press('Enter');
}
