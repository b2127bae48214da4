import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { splice } from '../opaque/splice.ts';
import { ErrorCode, type ServerStream } from '../wire/stream.ts';
import { LiveConnection } from '../wire/testing/live-connection.ts';
import type { TransportHandler } from '../wire/transport.ts';
import { StreamConnection } from './stream-connection.ts';

/** The stream of a CONNECT: keeps what was sent until the client `takes` it. */
class Tunnel implements ServerStream {
  readonly sent: string[] = [];
  credited = 0;
  private waiting = 0;

  sendInformational(): void {}
  sendResponse(): void {}
  sendTrailers(): void {}

  sendData(chunk: Uint8Array, end: boolean): void {
    if (chunk.length > 0) this.sent.push(`${chunk.length} bytes`);
    if (end) this.sent.push('end');
    this.waiting += chunk.length;
  }

  reset(code: ErrorCode): void {
    this.sent.push(code === ErrorCode.noError ? 'no more, please' : 'broken');
  }

  credit(bytes: number): void {
    this.credited += bytes;
  }

  /** The client has read all that was sent. */
  take(connection: StreamConnection): void {
    const bytes = this.waiting;
    this.waiting = 0;
    if (bytes > 0) connection.onSent(bytes);
  }
}

let tunnel: Tunnel;
let connection: StreamConnection;
let told: string[];

const nothing = new Uint8Array(0);
const handler = (changes: Partial<TransportHandler> = {}): TransportHandler => ({
  onBytes: (chunk) => told.push(`${chunk.length} bytes`),
  onDrain: () => told.push('drain'),
  onEnd: () => told.push('end'),
  onClose: (error) => told.push(error === undefined ? 'close' : `close: ${error.message}`),
  ...changes,
});

beforeEach(() => {
  tunnel = new Tunnel();
  connection = new StreamConnection(tunnel, new LiveConnection(true));
  told = [];
  connection.handler = handler();
});

describe('a tunnel as a connection', () => {
  it('ends when both sides have ended, whoever is first', () => {
    connection.onData(nothing, true);
    expect(told).toEqual(['end']);
    connection.end();
    expect([told, tunnel.sent]).toEqual([['end', 'close'], ['end']]);
  });

  it('closed by its owner is told to the client behind what was written, and asks for no more', () => {
    connection.write(new Uint8Array(10));
    connection.close();
    expect([told, tunnel.sent]).toEqual([['close'], ['10 bytes', 'end']]);
    tunnel.take(connection);
    expect(tunnel.sent).toEqual(['10 bytes', 'end', 'no more, please']);
    connection.onData(new Uint8Array(5), false);
    expect([told, tunnel.credited]).toEqual([['close'], 5]);
  });

  it('closed with nothing under way asks for no more at once, and of a client that has ended for nothing', () => {
    connection.close();
    expect(tunnel.sent).toEqual(['end', 'no more, please']);
    const ended = new Tunnel();
    const other = new StreamConnection(ended, new LiveConnection(true));
    other.handler = handler();
    other.onData(nothing, true);
    other.close();
    expect(ended.sent).toEqual(['end']);
  });

  it('tells nothing behind its close, though what it wrote is still to leave', () => {
    while (connection.write(new Uint8Array(32 * 1024)));
    connection.close();
    tunnel.take(connection);
    expect(told).toEqual(['close']);
  });

  it('gives back the credit of bytes whose owner has closed it, paused or not', () => {
    connection.handler = handler({
      onBytes: () => {
        connection.pause();
        connection.abort();
      },
    });
    connection.onData(new Uint8Array(7), false);
    expect([tunnel.credited, told]).toEqual([7, ['close']]);
  });

  it('is told of its close once by an owner that closes it again in that very call', () => {
    connection.handler = handler({
      onClose: () => {
        told.push('close');
        connection.close();
        connection.abort();
        connection.end();
      },
    });
    connection.close();
    expect(told).toEqual(['close']);
  });
});

it('ends exactly once and last, alone and spliced, in every order of what may come', () => {
  const step = fc.constantFrom('data', 'end', 'reset', 'take', 'bytes', 'fin', 'broken', 'abort', 'settle');
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 12 }), (atOnce, steps) => {
      const stream = new Tunnel();
      const inside = new StreamConnection(stream, new LiveConnection(true));
      const server = new LiveConnection(atOnce);
      let ends = 0;
      splice(inside, server, () => ends++);
      const client = new Client(inside, stream);
      for (const what of [...steps, 'end', 'fin', 'settle', 'end', 'fin', 'settle']) {
        if (what === 'bytes') server.receive('x');
        else if (what === 'fin') server.receiveFin();
        else if (what === 'broken') server.receiveReset(new Error('ECONNRESET'));
        else if (what === 'abort') inside.abort();
        else if (what === 'settle') server.settle();
        else client.does(what);
      }
      expect([ends, server.gone]).toEqual([1, true]);
    }),
    { numRuns: 2000 },
  );
});

/** Sends in its stream what a stream may bring: nothing behind its end or its reset. */
class Client {
  private readonly inside: StreamConnection;
  private readonly stream: Tunnel;
  private over = false;

  constructor(inside: StreamConnection, stream: Tunnel) {
    this.inside = inside;
    this.stream = stream;
  }

  does(what: string): void {
    if (what === 'take') this.stream.take(this.inside);
    if (this.over) return;
    if (what === 'data') this.inside.onData(new Uint8Array(1), false);
    else if (what === 'reset') this.inside.onReset(ErrorCode.cancel, 'reset by the peer');
    else if (what === 'end') this.inside.onData(nothing, true);
    this.over = what === 'reset' || what === 'end';
  }
}
