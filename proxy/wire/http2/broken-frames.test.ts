import { once } from 'node:events';
import * as http2 from 'node:http2';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { cleanups, closing, echo, fields, listen, nodeClient, readAll, turn } from '../testing/http2-peers.ts';
import { NodeTransport } from '../testing/node-transport.ts';
import { Http2Server } from './server.ts';

describe('HTTP/2 frames that break the rules', () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
  const settings = '000000 04 00 00000000';
  const get = '000005 01 05 00000001 8286 84 4100';
  const connectionErrors: [name: string, frames: string, code: number][] = [
    ['HEADERS before SETTINGS', get, 1],
    ['a frame above the size limit', `${settings} 004001 00 00 00000001`, 6],
    ['DATA on stream 0', `${settings} 000000 00 00 00000000`, 1],
    ['DATA on an idle stream', `${settings} 000000 00 00 00000001`, 1],
    ['HEADERS on an even stream', `${settings} 000003 01 05 00000002 828684`, 1],
    ['a stream id that goes back', `${settings} 000003 01 05 00000003 828684 000003 01 05 00000001 828684`, 5],
    ['padding longer than its frame', `${settings} 000003 01 0d 00000001 ff8286`, 1],
    ['CONTINUATION without HEADERS', `${settings} 000000 09 04 00000001`, 1],
    ['a frame inside a header block', `${settings} 000001 01 01 00000001 82 000008 06 00 00000000 0000000000000000`, 1],
    ['a block that cannot be decoded', `${settings} 000001 01 05 00000001 80`, 9],
    ['RST_STREAM on an idle stream', `${settings} 000004 03 00 00000001 00000008`, 1],
    ['SETTINGS of a wrong size', '000001 04 00 00000000 00', 6],
    ['an initial window above 2^31', '000006 04 00 00000000 0004 80000000', 3],
    ['PING of a wrong size', `${settings} 000007 06 00 00000000 00000000000000`, 6],
    ['WINDOW_UPDATE of 0 on the connection', `${settings} 000004 08 00 00000000 00000000`, 1],
    ['a connection window beyond 2^31', `${settings} 000004 08 00 00000000 7fffffff`, 3],
    ['PUSH_PROMISE', `${settings} 000004 05 04 00000001 00000002`, 1],
    ['GOAWAY on a stream', `${settings} 000008 07 00 00000001 0000000000000000`, 1],
    ['a SETTINGS flood', settings.repeat(6000), 11],
    ['a PING flood', settings + '000008 06 00 00000000 0000000000000000'.repeat(6000), 11],
    ['a CONTINUATION flood', `${settings} 000000 01 01 00000001${'000000 09 00 00000001'.repeat(100)}`, 11],
  ];

  async function send(frames: string): Promise<Buffer> {
    const port = await listen(
      createServer({ allowHalfOpen: true }, (socket) => {
        const transport = new NodeTransport(socket);
        transport.handler = new Http2Server({ transport, turn, fields, onRequest: echo });
      }),
    );
    const socket = connect(port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), hex(frames)]));
    const chunks: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(chunks);
  }

  it.each(connectionErrors)('ends the connection on %s', async (_name, frames, code) => {
    const answer = await send(frames);
    const goAways: number[] = [];
    for (let at = 0; at + 9 <= answer.length; ) {
      const length = answer.readUIntBE(at, 3);
      if (answer[at + 3] === 7) goAways.push(answer.readUInt32BE(at + 13));
      at += 9 + length;
    }
    expect(goAways).toEqual([code]);
  });

  it('resets only the stream when its message is malformed', async () => {
    const session = await nodeClient(echo);
    const bad = session.request({ ':method': 'POST', 'content-length': '5' });
    bad.on('error', () => {});
    bad.end('too long for that');
    await closing(bad);
    expect(bad.rstCode).toBe(1);
    const good = session.request({ ':method': 'POST' });
    good.end('fine');
    expect((await readAll(good)).toString()).toBe('fine');
  });

  it('ends a connection that resets streams without end', async () => {
    const refused: string[] = [];
    const session = await nodeClient(
      () => ({ onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} }),
      refused,
    );
    const closed = closing(session);
    for (let i = 0; i < 1500 && !session.destroyed; i++) {
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      stream.close(http2.constants.NGHTTP2_CANCEL);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(refused).toEqual(['too many streams reset']);
  });
});
