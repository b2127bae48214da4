/**
 * Sends HTTP/1.1 GETs at a constant rate, each at its own time, whatever the answers do, and prints the latencies in
 * microseconds, counted from when each was due.
 *
 * Usage: bun open-loop.ts HOST PORT AUTHORITY REQUESTS_PER_SECOND SECONDS CONNECTIONS
 */
import { percentile } from '../measure/statistics.ts';

const [host, port, authority, rate, seconds, connections] = process.argv.slice(2);
const request = Buffer.from(`GET /hello HTTP/1.1\r\nhost: ${authority}\r\nuser-agent: open-loop\r\n\r\n`);
const intervalMs = 1000 / Number(rate);
const warmUpMs = 1000;
const total = Math.round((Number(seconds) * 1000 + warmUpMs) / intervalMs);
/** Due at the same time as an answer is awaited there. */
const idle: Connection[] = [];
const latencies: number[] = [];
let answered = 0;

interface Connection {
  socket: import('bun').Socket<Connection>;
  dueMs: number;
  missing: number;
}

function onData(connection: Connection, bytes: Buffer): void {
  if (connection.missing === 0) {
    const head = bytes.indexOf('\r\n\r\n');
    const text = bytes.toString('latin1', 0, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    if (head < 0 || length === undefined || !text.startsWith('HTTP/1.1 200')) {
      console.error(`not the answer: ${text.slice(0, 200)}`);
      process.exit(1);
    }
    connection.missing = head + 4 + Number(length);
  }
  connection.missing -= bytes.length;
  if (connection.missing > 0) return;
  connection.missing = 0;
  const nowMs = performance.now();
  if (connection.dueMs >= measureFromMs) latencies.push((nowMs - connection.dueMs) * 1000);
  answered++;
  idle.push(connection);
  if (answered === total) finish();
}

for (let index = 0; index < Number(connections); index++) {
  const connection = { dueMs: 0, missing: 0 } as Connection;
  connection.socket = await Bun.connect<Connection>({
    hostname: host,
    port: Number(port),
    data: connection,
    socket: {
      data: (socket, bytes) => onData(socket.data, bytes),
      close: () => {
        console.error('connection closed');
        process.exit(1);
      },
    },
  });
  idle.push(connection);
}

const startMs = performance.now() + 10;
const measureFromMs = startMs + warmUpMs;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let sent = 0;

function tick(): void {
  const nowMs = performance.now();
  while (sent < total && startMs + sent * intervalMs <= nowMs && idle.length > 0) {
    const connection = idle.shift()!;
    connection.dueMs = startMs + sent * intervalMs;
    connection.socket.write(request);
    sent++;
  }
  if (answered === total) return;
  if (nowMs > startMs + total * intervalMs + 10_000) {
    console.error(`timeout: ${answered} of ${total} answered`);
    process.exit(1);
  }
  // Timers are too coarse; to spin would take the core from the upstream.
  Atomics.wait(sleeper, 0, 0, 0.05);
  setImmediate(tick);
}
tick();

function finish(): void {
  const sorted = Float64Array.from(latencies).sort();
  console.log(JSON.stringify({ requests: total, p50Us: percentile(sorted, 0.5), p99Us: percentile(sorted, 0.99) }));
  process.exit(0);
}
