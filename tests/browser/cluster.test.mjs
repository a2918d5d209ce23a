/* One room on several nodes: what people see is what they would see on one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterStage, taken } from './cluster.mjs';
import { seesMovingPicture, tileOf, write } from './harness.mjs';
import { picturesMove, skyRtcClient } from './skyrtc.mjs';

const PEOPLE = ['Ada', 'Ben', 'Eve'];

test('three people whom HAProxy gives a node each see each other move, read each other, and see one leave', async (t) => {
  const { nodes, join } = await clusterStage(t, { haproxy: true });
  const pages = new Map();
  for (const name of PEOPLE) pages.set(name, await join(name, 'kitchen'));
  assert.equal((await taken(nodes)).length, 3);

  for (const [name, page] of pages) {
    for (const other of PEOPLE.filter((person) => person !== name)) await seesMovingPicture(page, other);
    await page.getByText('3 people').waitFor();
  }
  for (const [name, page] of pages) {
    await write(page, `${name} is here`);
    for (const other of pages.values()) await other.getByRole('log').getByText(`${name} is here`).waitFor();
  }
  await pages.get('Eve').getByRole('button', { name: 'Leave' }).click();
  for (const name of ['Ada', 'Ben']) {
    await tileOf(pages.get(name), 'Eve').waitFor({ state: 'detached' });
    await pages.get(name).getByText('2 people').waitFor();
  }
});

test('a page of 2014 on one node and the demo on another see each other', async (t) => {
  const { nodes, join, visit } = await clusterStage(t);
  const ada = await join('Ada', 'kitchen', { at: nodes[0] });
  const old = await skyRtcClient(await visit({ at: nodes[1] }), 'kitchen');
  await seesMovingPicture(ada, 'Guest');
  await picturesMove(old, 1);
  await old.close();
  await tileOf(ada, 'Guest').waitFor({ state: 'detached' });
});
