/* HAProxy before nodes: whom it takes for well. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const CHECK_INTERVAL_MS = 500;
/** Longer than between two checks, as when the machine has much to do. */
const SLOW_MS = CHECK_INTERVAL_MS + 200;

test('a node that is slow to say that it is ready keeps its place', { timeout: 30_000 }, async (t) => {
  const config = readFileSync(new URL('../../deploy/haproxy.cfg', import.meta.url), 'utf8');
  assert(config.includes(`inter ${CHECK_INTERVAL_MS}ms fall 2`));

  const node = createServer((asked, answer) => {
    if (asked.url !== '/readyz') return answer.end('a page');
    setTimeout(() => node.emit('checked', answer.end('ready')), SLOW_MS);
  });
  const port = await listens(node);
  t.after(() => node.close().closeAllConnections());

  const folder = mkdtempSync(join(tmpdir(), 'switchboard-haproxy-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'haproxy.cfg');
  const door = join(folder, 'door');
  writeFileSync(file, `${config}    server node 127.0.0.1:${port} port ${port}\n`);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, PUBLIC_ADDRESS: `unix@${door}` };
  const haproxy = spawn('haproxy', ['-db', '-q', '-f', file], { env, stdio: 'ignore' });
  t.after(async () => {
    haproxy.kill('SIGKILL');
    await once(haproxy, 'exit');
  });

  for (let checks = 0; checks < 4; checks++) await once(node, 'checked'); // two would have been enough to take it out
  assert.equal(await status(door), 200);
});

async function listens(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function status(socketPath) {
  const [answer] = await once(request({ socketPath, path: '/' }).end(), 'response');
  answer.resume();
  return answer.statusCode;
}
