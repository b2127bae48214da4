/**
 * Splices sockets of clients and servers that do anything in any order, within turns of the event loop, under Bun; run by
 * spliced-sockets.test.ts, which reads a line of JSON.
 * Usage: bun spliced-sockets.ts SEED ROUNDS [KEY.pem CERTIFICATE.pem]     with a certificate, clients speak TLS
 */
import { readdirSync, readFileSync } from 'node:fs';
import { commandClock } from '../../clock.ts';
import { connect } from '../../net/connect.ts';
import { listen } from '../../net/listen.ts';
import type { SocketConnection } from '../../net/socket-connection.ts';
import { acceptTls, makeTlsContext } from '../../net/tls.ts';
import { nobody } from '../../wire/nobody.ts';
import { splice } from '../splice.ts';

const [seed, rounds] = process.argv.slice(2, 4).map(Number);
const [key, certificate] = process.argv.slice(4).map((path) => readFileSync(path, 'utf8'));
const pairsAtOnce = 20;
const stepsPerRound = 200;
/** Sockets whose ends have gone are told of within a turn or two, and turns take as long as the machine lets them. */
const settleMs = 15_000;
const noise = new Uint8Array(2_000_000);

let state = seed >>> 0;
/** From 0 to `below` - 1, the same for the same seed (mulberry32). */
function random(below: number): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** An end of a connection through the splice: a client, or a server. */
class End {
  readonly done: string[] = [];
  private readonly connection: SocketConnection;
  /** The other end of it, inside the proxy. */
  private readonly inner: SocketConnection;
  private readonly ends: readonly End[];
  private gone = false;

  constructor(connection: SocketConnection, inner: SocketConnection, ends: readonly End[]) {
    this.connection = connection;
    this.inner = inner;
    this.ends = ends;
    connection.handler = {
      ...nobody,
      // In the middle of a turn: of what happens now, the splice has not been told.
      onBytes: () => {
        if (random(2) === 0) this.ends[random(this.ends.length)].act();
      },
      onClose: () => {
        this.gone = true;
      },
    };
  }

  act(): void {
    const what = random(100);
    if (what < 25) this.do('writes', () => this.connection.write(noise, 1 + random(1000)));
    else if (what < 40) this.do('writes much', () => this.connection.write(noise));
    else if (what < 60) this.do('pauses', () => this.connection.pause());
    else if (what < 85) this.do('resumes', () => this.connection.resume());
    else if (what < 92) this.do('ends', () => this.connection.end());
    else if (what < 96) this.do('aborts', () => this.connection.abort());
    else if (what < 97) this.do('is cut off', () => this.inner.abort());
    else this.do('closes', () => this.connection.native?.close());
  }

  leave(): void {
    if (random(2) === 0) this.do('leaves', () => this.connection.native?.close());
    this.do('leaves by RST', () => this.connection.abort());
  }

  private do(name: string, action: () => void): void {
    if (this.gone) return;
    this.done.push(name);
    action();
  }
}

/** A client, its server, and what became of the two connections between them. */
class Pair {
  readonly told: string[] = [];
  readonly ends: End[] = [];

  constructor(client: SocketConnection, server: SocketConnection, inner: readonly SocketConnection[], all: End[]) {
    const [a, b] = inner;
    this.ends.push(new End(client, a, all), new End(server, b, all));
    all.push(...this.ends);
    splice(a, b, () => this.told.push('over'));
    for (const [connection, name] of [
      [a, 'client'],
      [b, 'server'],
    ] as const) {
      const { handler } = connection;
      connection.handler = {
        onBytes: (chunk) => handler.onBytes(chunk),
        onDrain: () => handler.onDrain(),
        onEnd: () => handler.onEnd(),
        onClose: (error) => {
          this.told.push(name);
          handler.onClose(error);
        },
      };
    }
  }

  get isOver(): boolean {
    return this.told.length === 3;
  }
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

const tls =
  certificate === undefined
    ? undefined
    : {
        server: makeTlsContext({ key, certificateChain: certificate, trustAnchors: certificate }),
        client: makeTlsContext({ key: undefined, certificateChain: undefined, trustAnchors: certificate }),
      };

const accepted: ((connection: SocketConnection) => void)[] = [];
const served: ((connection: SocketConnection) => void)[] = [];
const proxy = listen('127.0.0.1', 0, (connection) => {
  if (tls === undefined) {
    accepted.shift()?.(connection);
    return;
  }
  connection.handler = {
    ...nobody,
    onBytes: (hello) =>
      acceptTls(
        connection,
        hello.slice(),
        tls.server,
        [],
        5000,
        commandClock,
        (secure) => {
          secure.handler = nobody;
          accepted.shift()?.(secure);
        },
        (reason) => {
          throw new Error(reason);
        },
      ),
  };
});
const server = listen('127.0.0.1', 0, (connection) => served.shift()?.(connection));

const dial = (port: number, secure?: Parameters<typeof connect>[0]['tls']): Promise<SocketConnection> =>
  new Promise((resolve, reject) =>
    connect(
      { host: '127.0.0.1', port, timeoutMs: 5000, timers: commandClock, tls: secure },
      (connection) => {
        connection.handler = nobody;
        resolve(connection);
      },
      (_failure, detail) => reject(new Error(detail)),
    ),
  );

async function pair(all: End[]): Promise<Pair> {
  const a = new Promise<SocketConnection>((resolve) => accepted.push(resolve));
  const client = await dial(proxy.port, tls && { context: tls.client, serverName: 'web', identity: 'web', alpn: [] });
  const far = new Promise<SocketConnection>((resolve) => served.push(resolve));
  const b = await dial(server.port);
  return new Pair(client, await far, [await a, b], all);
}

const left: string[] = [];
let before = Number.POSITIVE_INFINITY;
for (let round = 0; round < rounds && left.length === 0; round++) {
  const all: End[] = [];
  const pairs: Pair[] = [];
  if (round === 1) before = descriptors();
  for (let i = 0; i < pairsAtOnce; i++) pairs.push(await pair(all));
  for (let i = 0; i < stepsPerRound; i++) {
    all[random(all.length)].act();
    if (random(3) === 0) await turn();
  }
  for (const end of all) {
    end.leave();
    if (random(3) === 0) await turn();
  }
  const untilMs = performance.now() + settleMs;
  while (performance.now() < untilMs && pairs.some(({ isOver }) => !isOver)) await turn();
  for (const { isOver, told, ends } of pairs)
    if (!isOver) left.push(`told ${told.join() || 'nothing'}; client ${ends[0].done}; server ${ends[1].done}`);
  for (const { told } of pairs) if (told.length > 3) left.push(`told ${told}`);
}
console.log(JSON.stringify({ left, lost: left.length > 0 ? 0 : Math.max(0, descriptors() - before) }));
process.exit(0);
