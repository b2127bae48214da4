/** A thread of its own that opens connections, sends each the same bytes, and closes it: so that a test can look on. */
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

export interface Flood {
  readonly port: number;
  /** The address of this host that it comes from. */
  readonly from: string;
  readonly bytes: Uint8Array;
  /** Connections at once. */
  readonly atOnce: number;
  readonly forMs: number;
}

const { port, from, bytes, atOnce, forMs } = workerData as Flood;
const endMs = performance.now() + forMs;
let connections = 0;

function one(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from }, () => {
      connections++;
      socket.write(bytes, () => socket.destroy());
    });
    socket.on('error', () => {}).on('close', () => resolve());
  });
}

async function run(): Promise<void> {
  while (performance.now() < endMs) await one();
}

await Promise.all(Array.from({ length: atOnce }, run));
parentPort?.postMessage(connections);
