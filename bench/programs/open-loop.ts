/**
 * Sends HTTP/1.1 GETs at a constant rate, each at its own time, whatever the answers do, and prints the latencies in
 * microseconds, counted from when each was due. What is due in the first seconds is sent and not counted.
 *
 * With PATIENCE_MS a request that is not answered with 200 within that time is one that took so long, and its connection
 * is replaced; without it the program fails.
 *
 * Usage: bun open-loop.ts HOST PORT AUTHORITY REQUESTS_PER_SECOND SECONDS CONNECTIONS WARM_UP_SECONDS [PATIENCE_MS]
 */
import { percentile } from '../measure/statistics.ts';

const [host, port, authority, rate, seconds, connections, warmUpSeconds, patience] = process.argv.slice(2);
const request = Buffer.from(`GET /hello HTTP/1.1\r\nhost: ${authority}\r\nuser-agent: open-loop\r\n\r\n`);
const intervalMs = 1000 / Number(rate);
const warmUpMs = Number(warmUpSeconds) * 1000;
const patienceMs = patience === undefined ? undefined : Number(patience);
const total = Math.round((Number(seconds) * 1000 + warmUpMs) / intervalMs);
/** Those that await no answer. */
const idle: Connection[] = [];
/** Those that do, in the order in which they were asked. */
const asked = new Set<Connection>();
const latencies: number[] = [];
let answered = 0;

interface Connection {
  socket: import('bun').Socket<Connection>;
  dueMs: number;
  missing: number;
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

function onData(connection: Connection, bytes: Buffer): void {
  if (!asked.has(connection)) return;
  if (connection.missing === 0) {
    const head = bytes.indexOf('\r\n\r\n');
    const text = bytes.toString('latin1', 0, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    if (head < 0 || length === undefined || !text.startsWith('HTTP/1.1 200')) {
      giveUp(connection, `not the answer: ${text.slice(0, 200)}`);
      return;
    }
    connection.missing = head + 4 + Number(length);
  }
  connection.missing -= bytes.length;
  if (connection.missing > 0) return;
  connection.missing = 0;
  idle.push(connection);
  settle(connection, performance.now() - connection.dueMs);
}

/** Counts a request as over. */
function settle(connection: Connection, latencyMs: number): void {
  asked.delete(connection);
  if (connection.dueMs >= measureFromMs) latencies.push(latencyMs * 1000);
  answered++;
  if (answered === total) finish();
}

/** No answer will come there, or none that counts: another connection takes its place. */
function giveUp(connection: Connection, reason: string): void {
  if (patienceMs === undefined) fail(reason);
  settle(connection, patienceMs);
  connection.socket.terminate();
  void open();
}

async function open(): Promise<void> {
  const connection = { dueMs: 0, missing: 0 } as Connection;
  connection.socket = await Bun.connect<Connection>({
    hostname: host,
    port: Number(port),
    data: connection,
    socket: {
      data: (socket, bytes) => onData(socket.data, bytes),
      close: ({ data }) => {
        if (asked.has(data)) giveUp(data, 'connection closed');
        else if (idle.includes(data)) {
          if (patienceMs === undefined) fail('connection closed');
          idle.splice(idle.indexOf(data), 1);
          void open();
        }
      },
    },
  });
  idle.push(connection);
}

for (let index = 0; index < Number(connections); index++) await open();

const startMs = performance.now() + 10;
const measureFromMs = startMs + warmUpMs;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let sent = 0;

function tick(): void {
  const nowMs = performance.now();
  while (sent < total && startMs + sent * intervalMs <= nowMs && idle.length > 0) {
    const connection = idle.shift()!;
    connection.dueMs = startMs + sent * intervalMs;
    asked.add(connection);
    connection.socket.write(request);
    sent++;
  }
  if (patienceMs !== undefined) {
    for (const connection of asked) {
      if (nowMs - connection.dueMs < patienceMs) break;
      giveUp(connection, 'no answer');
    }
  }
  if (answered === total) return;
  if (nowMs > startMs + total * intervalMs + 10_000) fail(`timeout: ${answered} of ${total} answered`);
  // Timers are too coarse; to spin would take the core from the upstream.
  Atomics.wait(sleeper, 0, 0, 0.05);
  setImmediate(tick);
}
tick();

function finish(): void {
  const sorted = Float64Array.from(latencies).sort();
  const [p50Us, p99Us, p999Us] = [0.5, 0.99, 0.999].map((share) => percentile(sorted, share));
  console.log(JSON.stringify({ requests: total, p50Us, p99Us, p999Us }));
  process.exit(0);
}
