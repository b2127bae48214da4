/**
 * A thread of its own that does to sidecars what strangers can, when it is told to: scans, floods, resets, slow clients,
 * random bytes. None of it may cost others their calls.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { clientHello } from '../attack/client-hello.ts';
import { Flag, FrameType, frame, preface, requestBlock, settings, uint32Bytes } from '../proxy/raw-http2.ts';
import { SeededRandom } from './random.ts';

export interface Attack {
  readonly hosts: readonly string[];
  /** Where the sidecars listen: their own port, and those that stand for the application's. */
  readonly ports: readonly number[];
  readonly adminPort: number;
  /** The address of this host that all comes from. */
  readonly from: string;
  readonly seed: number;
}

const { hosts, ports, adminPort, from, seed } = workerData as Attack;
const random = new SeededRandom(seed);
const pick = <T>(values: readonly T[]): T => values[random.between(0, values.length - 1)];
let attacking = false;
let attempts = 0;
const open = new Set<Socket>();

/** Opens a connection, writes to it piece by piece, and keeps it for a while without reading. */
async function say(pieces: readonly Uint8Array[], keepMs: number, pauseMs = 0, port = pick(ports)): Promise<void> {
  const socket = connect({ host: pick(hosts), port, localAddress: from }).pause();
  open.add(socket);
  socket.on('error', () => {}).on('close', () => open.delete(socket));
  for (const piece of pieces) {
    if (socket.destroyed || !attacking) break;
    socket.write(piece);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  await sleep(keepMs);
  socket.destroy();
}

const get = (id: number, path: string): Buffer =>
  frame(
    FrameType.headers,
    Flag.endHeaders | Flag.endStream,
    id,
    requestBlock('GET', path, ['l5d-orig-proto', 'HTTP/1.1']),
  );
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random.between(0, 255)));
const streams = Array.from({ length: 100 }, (_, i) => 2 * i + 1);
const resets = Buffer.concat([
  preface,
  settings(),
  ...streams.flatMap((id) => [get(id, '/sized?bytes=100'), frame(FrameType.rstStream, 0, id, uint32Bytes(8))]),
]);
const unread = Buffer.concat([preface, settings([4, 0]), ...streams.map((id) => get(id, '/sized?bytes=200000'))]);
const slow = [...'GET / HTTP/1.1\r\nx-slow: '].map((character) => Buffer.from(character));

/** Each again and again, `atOnce` at a time with a pause between: this machine has to carry the ordinary load as well. */
const attacks: readonly { readonly atOnce: number; readonly pauseMs: number; run(): Promise<void> }[] = [
  { atOnce: 2, pauseMs: 5, run: () => say([clientHello(`${random.next()}.${'n'.repeat(7000)}\n`)], 5) },
  { atOnce: 2, pauseMs: 2, run: () => say([], 0) },
  { atOnce: 1, pauseMs: 10, run: () => say([resets], 10) },
  { atOnce: 2, pauseMs: 100, run: () => say([unread], 1000) },
  { atOnce: 50, pauseMs: 100, run: () => say(slow, 100, 200) },
  { atOnce: 2, pauseMs: 5, run: () => say([bytes(random.between(1, 3000))], 20) },
  {
    atOnce: 2,
    pauseMs: 50,
    run: () => say([Buffer.from('GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n')], 50, 0, adminPort),
  },
];

async function again({ pauseMs, run }: (typeof attacks)[number]): Promise<void> {
  for (;;) {
    if (attacking) {
      attempts++;
      await run();
    }
    await sleep(attacking ? pauseMs : 100);
  }
}

parentPort?.on('message', (isOn: boolean) => {
  attacking = isOn;
  if (!isOn) for (const socket of open) socket.destroy();
  parentPort?.postMessage(attempts);
});
await Promise.all(attacks.flatMap((attack) => Array.from({ length: attack.atOnce }, () => again(attack))));
