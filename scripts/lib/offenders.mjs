// Clients that do harm, each in its own way, until their input ends. Then they print, as JSON, how their connections ended:
// { "4529": 12, … }, where 0 is a connection that was cut without a close code.
//
//   node offenders.mjs KIND HOST:PORT
//
// They speak WebSocket with bare sockets: a library would hold them back.
import { randomBytes } from 'node:crypto';
import net from 'node:net';

/** Whence they come: neighbours are elsewhere. */
const ADDRESS = '127.0.0.66';

const KINDS = { flood, slow: slowReaders, idle, garbage };

const [kind, target] = process.argv.slice(2);
const [host, port] = target.split(':');
const ended = {};
let over = false;

/** A connection that is a WebSocket soon; `onopen` gets a function that sends bytes; `onend` is called at its end. */
function connect({ onopen, onend, reads = true }) {
  const socket = net.connect({ host, port: Number(port), localAddress: ADDRESS, noDelay: true });
  let [open, unread, code] = [false, Buffer.alloc(0), 0];
  socket.on('connect', () => socket.write(
    `GET /ws HTTP/1.1\r\nHost: ${target}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
    + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  ));
  socket.on('data', (data) => {
    unread = Buffer.concat([unread, data]);
    if (!open) {
      const end = unread.indexOf('\r\n\r\n');
      if (end < 0) return;
      open = true;
      unread = unread.subarray(end + 4);
      onopen((frame) => socket.writable && socket.write(frame), socket);
      if (!reads) socket.pause();
    }
    for (let frame = take(); frame; frame = take()) {
      if (frame.opcode !== 8) continue;
      code = frame.payload.length >= 2 ? frame.payload.readUInt16BE() : 1005;
      socket.end();
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    ended[code] = (ended[code] ?? 0) + 1;
    if (!over) onend();
  });

  function take() {
    if (unread.length < 2) return undefined;
    const short = unread[1] & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (unread.length < head) return undefined;
    const length = short < 126 ? short : short === 126 ? unread.readUInt16BE(2) : Number(unread.readBigUInt64BE(2));
    if (unread.length < head + length) return undefined;
    const frame = { opcode: unread[0] & 15, payload: unread.subarray(head, head + length) };
    unread = unread.subarray(head + length);
    return frame;
  }
}

/** A masked text frame; a mask of zeros is one, too. */
function text(content) {
  const payload = Buffer.from(content);
  const long = payload.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x81;
  head[1] = 0x80 | (long ? 126 : payload.length);
  if (long) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

const say = (eventName, data) => text(JSON.stringify({ eventName, data }));

function every(milliseconds, act) {
  const timer = setInterval(act, milliseconds);
  return () => clearInterval(timer);
}

/** One client that sends as fast as it can, and comes back when it is thrown out. */
function flood() {
  const burst = Buffer.concat(Array(256).fill(say('message', { body: 'x'.repeat(200) })));
  const again = () => connect({
    onopen: (send, socket) => {
      send(say('join', { room: 'flood' }));
      const pour = () => {
        while (socket.writable && socket.write(burst));
      };
      socket.on('drain', pour);
      pour();
    },
    onend: again,
  });
  again();
}

/** A hundred clients that don't read what a hundred others send them; who is closed comes back. */
function slowReaders() {
  const large = 'x'.repeat(60_000);
  for (let pair = 0; pair < 100; pair += 1) {
    const room = `slow-${pair}`;
    const reader = () => connect({ reads: false, onopen: (send) => send(say('join', { room })), onend: reader });
    const talker = () => {
      let stop = () => {};
      connect({
        onopen: (send) => {
          send(say('join', { room }));
          stop = every(250, () => send(say('message', { body: large })));
        },
        onend: () => {
          stop();
          talker();
        },
      });
    };
    reader();
    talker();
  }
}

/** A thousand that never join, opened over a second; who is closed comes back. */
function idle() {
  const again = () => connect({ onopen: () => {}, onend: again });
  for (let place = 0; place < 1000; place += 1) setTimeout(again, place);
}

/** 100 kB of nonsense a second, in frames of a kilobyte. */
function garbage() {
  const again = () => {
    let stop = () => {};
    connect({
      onopen: (send) => (stop = every(10, () => send(text(randomBytes(750).toString('base64'))))),
      onend: () => {
        stop();
        again();
      },
    });
  };
  again();
}

KINDS[kind]();
process.stdin.on('end', () => {
  over = true;
  process.stdout.write(`${JSON.stringify(ended)}\n`, () => process.exit(0));
}).resume();
