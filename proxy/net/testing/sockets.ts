/**
 * Exercises the sockets under Bun; run by net.test.ts, which reads one line of JSON from each scenario.
 * Usage: bun sockets.ts SCENARIO [CERTIFICATE-FOLDER] [PORT]
 */
import { readFileSync } from 'node:fs';
import { commandClock } from '../../clock.ts';
import type { TransportHandler } from '../../wire/transport.ts';
import { connect } from '../connect.ts';
import { listen } from '../listen.ts';
import type { SocketConnection } from '../socket-connection.ts';
import { socketOptions } from '../system-calls.ts';
import { acceptTls, makeTlsContext } from '../tls.ts';

const [, , scenario, folder, port] = process.argv;
const identity = 'web.shop.serviceaccount.identity.tulle.cluster.local';

const handler = (changes: Partial<TransportHandler>): TransportHandler => ({
  onBytes() {},
  onDrain() {},
  onEnd() {},
  onClose() {},
  ...changes,
});

const open = (port: number, tls?: Parameters<typeof connect>[0]['tls']): Promise<SocketConnection> =>
  new Promise((resolve, reject) => {
    connect(
      { host: '127.0.0.1', port, timeoutMs: 2000, timers: commandClock, tls },
      (connection) => {
        connection.handler = handler({});
        resolve(connection);
      },
      (failure, detail) => reject(new Error(`${failure}: ${detail}`)),
    );
  });

const context = (name: string, authority = 'ca') =>
  makeTlsContext({
    key: readFileSync(`${folder}/${name}.key`, 'utf8'),
    certificateChain: readFileSync(`${folder}/${name}.crt`, 'utf8'),
    trustAnchors: readFileSync(`${folder}/${authority}.crt`, 'utf8'),
  });

/** A TLS server that says who it sees, fed its hello in pieces of `pieceBytes`. */
function tlsServer(name = 'web'): { port: number; seen: string[] } {
  const seen: string[] = [];
  const server = context(name);
  const listener = listen('127.0.0.1', 0, (accepted) => {
    accepted.handler = handler({
      onBytes: (hello) => {
        acceptTls(
          accepted,
          hello.slice(),
          server,
          ['transport.l5d.io/v1'],
          300,
          commandClock,
          (secure) => {
            seen.push(`${secure.tls?.identity ?? 'anonymous'} ${secure.tls?.alpn ?? '-'}`);
            secure.handler = handler({ onBytes: (chunk) => secure.write(chunk) });
          },
          () => seen.push('refused'),
        );
      },
    });
  });
  return { port: listener.port, seen };
}

/** What comes of greeting a server as `name`, when it is to prove `expected`. */
async function talk(port: number, name: string, expected: string, authority?: string): Promise<string> {
  try {
    const client = await open(port, {
      context: context(name, authority),
      serverName: identity,
      identity: expected,
      alpn: ['transport.l5d.io/v1'],
    });
    return await new Promise((resolve) => {
      client.handler = handler({
        onBytes: (chunk) => resolve(Buffer.from(chunk).toString()),
        onClose: () => resolve('closed'),
      });
      client.write(Buffer.from('hello'));
    });
  } catch (error) {
    return (error as Error).message.split(':')[0];
  }
}

const scenarios: Record<string, () => Promise<unknown>> = {
  async defect() {
    const told: { server?: string; client?: string; unexpected?: string } = {};
    process.once('uncaughtException', (error) => {
      told.unexpected = error.message;
    });
    const listener = listen('127.0.0.1', 0, (accepted) => {
      accepted.handler = handler({
        onBytes: () => {
          throw new TypeError('no such thing');
        },
        onClose: (error) => {
          told.server = error?.message;
        },
      });
    });
    const client = await open(listener.port);
    await new Promise<void>((resolve) => {
      client.handler = handler({
        onClose: () => {
          told.client = 'closed';
          resolve();
        },
      });
      client.write(Buffer.from('question'));
    });
    return told;
  },

  async 'half-close'() {
    const events: string[] = [];
    const listener = listen('127.0.0.1', 0, (accepted) => {
      accepted.handler = handler({
        onBytes: (chunk) => events.push(`server got ${Buffer.from(chunk)}`),
        onEnd: () => {
          events.push('server saw FIN');
          accepted.write(Buffer.from('late answer'));
          accepted.end();
        },
      });
    });
    const client = await open(listener.port);
    await new Promise<void>((resolve) => {
      client.handler = handler({
        onBytes: (chunk) => events.push(`client got ${Buffer.from(chunk)}`),
        onEnd: () => events.push('client saw FIN'),
        onClose: () => resolve(),
      });
      client.write(Buffer.from('question'));
      client.end();
    });
    return events;
  },

  async 'tls-stall'() {
    const { port, seen } = tlsServer();
    const client = await open(port);
    await new Promise<void>((resolve) => {
      client.handler = handler({ onClose: () => resolve() });
      // A record header, and nothing of the ClientHello that it announces.
      client.write(Uint8Array.of(22, 3, 1, 0, 200));
    });
    return seen;
  },

  async backpressure() {
    const total = 100 * 1024 * 1024;
    let received = 0;
    let done: () => void = () => {};
    const finished = new Promise<void>((resolve) => {
      done = resolve;
    });
    const listener = listen('127.0.0.1', 0, (accepted) => {
      accepted.handler = handler({
        onBytes: (chunk) => {
          received += chunk.length;
          accepted.pause();
          setTimeout(() => accepted.resume(), 1);
        },
        onEnd: () => done(),
      });
    });
    const client = await open(listener.port);
    const chunk = new Uint8Array(64 * 1024);
    let sent = 0;
    let blockedOnce = false;
    const send = (): void => {
      while (sent < total && !client.blocked) {
        client.write(chunk);
        sent += chunk.length;
      }
      blockedOnce ||= client.blocked;
      if (sent === total) client.end();
    };
    const before = process.memoryUsage().rss;
    client.handler = handler({ onDrain: send });
    send();
    await finished;
    return {
      complete: received === total,
      blockedOnce,
      grewMb: Math.round((process.memoryUsage().rss - before) / 1e6),
    };
  },

  async reset() {
    const closes: string[] = [];
    let accepted: SocketConnection | undefined;
    let done: () => void = () => {};
    const finished = new Promise<void>((resolve) => {
      done = resolve;
    });
    const listener = listen('127.0.0.1', 0, (connection) => {
      accepted = connection;
      connection.handler = handler({
        onClose: (error) => {
          closes.push(error === undefined ? 'clean' : 'error');
          done();
        },
      });
    });
    const client = await open(listener.port);
    while (accepted === undefined) await new Promise((resolve) => setImmediate(resolve));
    client.abort();
    await finished;
    return closes;
  },

  /** What is told of connections whose peer resets them, of which they learn by a write. */
  async 'reset met by a write'() {
    const told: Record<string, string[]> = {};
    const meet = async (name: string, meets: (accepted: SocketConnection) => void, says = ''): Promise<void> => {
      const seen: string[] = [];
      told[name] = seen;
      const taken = Promise.withResolvers<SocketConnection>();
      const listener = listen('127.0.0.1', 0, (accepted) => {
        accepted.handler = handler({});
        taken.resolve(accepted);
      });
      const client = await open(listener.port);
      const accepted = await taken.promise;
      await new Promise<void>((resolve) => {
        accepted.handler = handler({
          onBytes: (chunk) => seen.push(Buffer.from(chunk).toString()),
          onEnd: () => seen.push('end'),
          onClose: (error) => {
            seen.push((error as NodeJS.ErrnoException | undefined)?.code ?? 'clean');
            resolve();
          },
        });
        if (says.length > 0) client.write(Buffer.from(says));
        // In one turn: the event loop has not seen it when the write does.
        client.abort();
        meets(accepted);
      });
      seen.push(`descriptor ${(accepted.native as unknown as { fd: number }).fd}`);
    };
    await meet('reading', (accepted) => accepted.write(new Uint8Array(10)));
    await meet('reading an answer', (accepted) => accepted.write(new Uint8Array(10)), 'no, thanks');
    await meet('ending', (accepted) => {
      accepted.write(new Uint8Array(10));
      accepted.end();
    });
    await meet('paused', (accepted) => {
      accepted.pause();
      accepted.write(new Uint8Array(10));
    });
    await meet('paused behind it', (accepted) => {
      accepted.write(new Uint8Array(10));
      accepted.pause();
    });
    return told;
  },

  /** More is written to a client than may wait for it. */
  async overflow() {
    const told: string[] = [];
    const taken = Promise.withResolvers<SocketConnection>();
    const listener = listen('127.0.0.1', 0, (accepted) => {
      accepted.handler = handler({});
      taken.resolve(accepted);
    });
    const client = await open(listener.port);
    client.pause();
    const accepted = await taken.promise;
    let held = 0;
    accepted.budget = {
      requests: 0,
      hold: () => false,
      release: (bytes) => {
        held -= bytes;
      },
      reset: () => true,
      completed() {},
      mayRequest: () => true,
      refuseCheck() {},
      mayBeSilent: () => true,
      spoken() {},
      closed: () => told.push('paid back'),
    };
    await new Promise<void>((resolve) => {
      accepted.handler = handler({
        onEnd: () => told.push('end'),
        onClose: (error) => {
          told.push(error === undefined ? 'clean' : 'error');
          resolve();
        },
      });
      told.push(accepted.write(new Uint8Array(50_000_000)) ? 'taken' : 'not taken');
      accepted.write(new Uint8Array(10));
    });
    return { told, held };
  },

  async 'stood still'() {
    const told = Promise.withResolvers<string>();
    const dialAndStandStill = (): void => {
      connect(
        { host: '127.0.0.1', port: listener.port, timeoutMs: 50, timers: commandClock },
        (connection) => {
          connection.handler = handler({});
          told.resolve('connected');
        },
        told.resolve,
      );
      const untilMs = performance.now() + 200;
      while (performance.now() < untilMs);
    };
    // As the proxy dials: on bytes that came.
    const listener = listen('127.0.0.1', 0, (accepted) => {
      accepted.handler = handler({ onBytes: dialAndStandStill });
    });
    (await open(listener.port)).write(new Uint8Array(1));
    return await told.promise;
  },

  async abort() {
    const told: string[] = [];
    const listener = listen('127.0.0.1', 0, (accepted) => {
      accepted.handler = handler({});
    });
    const client = await open(listener.port);
    client.handler = handler({
      onEnd: () => told.push('end'),
      onClose: (error) => told.push(error === undefined ? 'close' : 'error'),
    });
    client.abort();
    while (!told.includes('close')) await new Promise((resolve) => setImmediate(resolve));
    return told;
  },

  async refused() {
    const listener = listen('127.0.0.1', 0, () => {});
    listener.stop();
    return open(listener.port).then(
      () => 'connected',
      (error: Error) => error.message.split(':')[0],
    );
  },

  async options() {
    const options = { keepAliveMs: 7000, userTimeoutMs: 12_000 };
    const yearMs = 8760 * 3_600_000;
    const fdOf = (connection: SocketConnection): number => (connection.native as unknown as { fd: number }).fd;
    let accepted: SocketConnection | undefined;
    const take = (connection: SocketConnection): void => {
      accepted = connection;
      connection.handler = handler({});
    };
    const plain = listen('127.0.0.1', 0, take);
    const tuned = listen('127.0.0.1', 0, take, { options });
    const seen: Record<string, object> = {};
    for (const [name, port, connecting] of [
      ['without', plain.port, undefined],
      ['with', tuned.port, options],
      ['long', plain.port, { keepAliveMs: yearMs, userTimeoutMs: yearMs }],
    ] as const) {
      accepted = undefined;
      const client = await new Promise<SocketConnection>((resolve, reject) =>
        connect(
          { host: '127.0.0.1', port, timeoutMs: 2000, timers: commandClock, options: connecting },
          resolve,
          reject,
        ),
      );
      client.handler = handler({});
      while (accepted === undefined) await new Promise((resolve) => setImmediate(resolve));
      seen[name] = { accepted: socketOptions(fdOf(accepted)), connected: socketOptions(fdOf(client)) };
    }
    return seen;
  },

  /** PORT is that of a server whose kernel answers nothing. */
  async silent() {
    const tls = { context: context('client'), serverName: identity, identity, alpn: [] };
    const attempt = (target: number, more: object): Promise<string> =>
      new Promise((resolve) =>
        connect(
          { host: '127.0.0.1', port: target, timeoutMs: 300, timers: commandClock, ...more },
          () => resolve('connected'),
          (failure) => resolve(failure),
        ),
      );
    const deaf = listen('127.0.0.1', 0, (connection) => {
      connection.handler = handler({});
    });
    const startMs = performance.now();
    const results = { connecting: await attempt(Number(port), {}), handshake: await attempt(deaf.port, { tls }) };
    return { ...results, inTime: performance.now() - startMs < 3000 };
  },

  async tls() {
    const { port, seen } = tlsServer();
    const results = {
      good: await talk(port, 'client', identity),
      wrongName: await talk(port, 'client', 'other.shop.serviceaccount.identity.tulle.cluster.local'),
      foreign: await talk(port, 'foreign', identity),
    };
    return { ...results, seen };
  },

  async spiffe() {
    const { port, seen } = tlsServer('spiffe');
    const results = {
      good: await talk(port, 'spiffe', 'spiffe://mesh/ns/shop/sa/web'),
      wrongId: await talk(port, 'spiffe', 'spiffe://mesh/ns/shop/sa/bot'),
      nameOnly: await talk(port, 'spiffe', identity),
      foreign: await talk(port, 'foreign', 'spiffe://mesh/ns/shop/sa/web', 'other-ca'),
    };
    return { ...results, seen };
  },
};

const result = await scenarios[scenario]();
console.log(JSON.stringify(result));
process.exit(0);
