/* A real TURN server, with the settings of docs/operations.md. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, onFreePort } from './cluster.mjs';
import { end } from './harness.mjs';

const SECRET = 'a secret of sixteen bytes and more';

/**
 * coturn for one test, once it listens.
 *
 * @param {import('node:test').TestContext} t
 */
export async function coturn(t) {
  const folder = await mkdtemp(join(tmpdir(), 'coturn-'));
  const { server, port } = await onFreePort(async (port) => {
    const server = new Coturn(folder, port);
    return (await server.start()) ? { server, port } : null;
  });
  t.after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  const gatewayArgs = (ttl) => ['--turn-server', `turn:127.0.0.1:${port}`, '--turn-secret', SECRET, '--turn-ttl', ttl];
  return { server, gatewayArgs };
}

class Coturn {
  #folder;
  #port;
  #process;

  constructor(folder, port) {
    this.#folder = folder;
    this.#port = port;
  }

  /** Whether it could, on this port. After a stop, it knows nothing of what it relayed. */
  async start() {
    const folder = this.#folder;
    const file = join(folder, 'turnserver.conf');
    const settings = [
      'listening-ip=127.0.0.1', 'relay-ip=127.0.0.1', 'allow-loopback-peers', `listening-port=${this.#port}`,
      'no-tls', 'no-dtls', 'no-cli', 'no-stdout-log', 'log-file=/dev/null', 'simple-log', `userdb=${folder}/turndb`, `pidfile=${folder}/pid`,
      'realm=turn.example.org', 'use-auth-secret', `static-auth-secret=${SECRET}`,
    ];
    await writeFile(file, settings.join('\n'));
    this.#process = spawn('turnserver', ['-c', file], { stdio: 'ignore' });
    while (this.#process.exitCode === null) if (await answers(this.#port)) return true;
    return false;
  }

  /** From here on it hears nothing, until it goes on. */
  pause() {
    this.#process.kill('SIGSTOP');
  }

  goOn() {
    this.#process.kill('SIGCONT');
  }

  /** Ends it at once, as a crash would. */
  stop() {
    return end(this.#process);
  }
}
