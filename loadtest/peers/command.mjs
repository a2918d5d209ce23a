// What all servers here have in common: their flags, and how they say that they are ready.
import { parseArgs } from 'node:util';

/** The flags as an object; `options` are a server's own, in the words of `parseArgs`. */
export function flags(options = {}) {
  const { values } = parseArgs({ options: { listen: { type: 'string', default: '127.0.0.1:0' }, ...options } });
  const [, host, port] = /^(.+):(\d+)$/.exec(values.listen) ?? [];
  if (!host) throw new Error(`--listen takes an address such as 127.0.0.1:8080, not "${values.listen}".`);
  return { ...values, host, port: Number(port) };
}

/** Says where an HTTP server listens, once it does. */
export function introduce(server) {
  const say = () => {
    const { address, port } = server.address();
    process.stdout.write(`listening on ${address}:${port}\n`);
  };
  if (server.listening) say();
  else server.once('listening', say);
}
