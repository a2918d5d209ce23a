// Two people in a call, by the TURN server alone, in the demo room of a cluster that runs elsewhere:
//
//   DEPLOYED_URL=https://localhost:8443/ node --test tests/deploy/call.mjs
//
// scripts/check-deploy.sh does. The certificate may be of the cluster's own making.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillAndJoin, inCall, seesMovingPicture, visitors } from '../browser/harness.mjs';

const url = new URL(process.env.DEPLOYED_URL ?? 'http://localhost:8080/');

test('two people see each other, by the TURN server alone', async (t) => {
  const { visit } = await visitors(t, { address: url.host, stop: async () => {} });
  const join = async (name) => {
    const page = await visit({ url: new URL('#deployed', url).href, init: onlyRelays, ignoreHTTPSErrors: true });
    await fillAndJoin(page, name);
    await inCall(page);
    return page;
  };
  const ada = await join('Ada');
  const ben = await join('Ben');
  await Promise.all([seesMovingPicture(ada, 'Ben'), seesMovingPicture(ben, 'Ada')]);
  for (const page of [ada, ben]) assert.deepEqual(await page.evaluate(() => globalThis.routes()), ['relay to relay']);
});

/** Connections of this page go by a TURN server or not at all. */
function onlyRelays() {
  const connections = [];
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(config) {
      super({ ...config, iceTransportPolicy: 'relay' });
      connections.push(this);
    }

    setConfiguration(config) {
      super.setConfiguration({ ...config, iceTransportPolicy: 'relay' });
    }
  };
  globalThis.routes = () => Promise.all(connections.filter((connection) => connection.connectionState === 'connected').map(async (connection) => {
    const stats = await connection.getStats();
    const used = [...stats.values()].find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
    return `${stats.get(used.localCandidateId).candidateType} to ${stats.get(used.remoteCandidateId).candidateType}`;
  }));
}
