import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseClientHello } from './client-hello.ts';
import { detectHttp } from './http-detect.ts';
import { decodeTransportHeader, encodeTransportHeader, TransportHeaderError } from './transport-header.ts';

/** A hello that a real client sends. */
async function realHello(servername: string | undefined, ALPNProtocols: string[]): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tlsConnect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername,
    ALPNProtocols,
  });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

describe('ClientHello', () => {
  let hello: Buffer;
  const name = 'web.shop.serviceaccount.identity.tulle.cluster.local';
  const expected = { kind: 'hello', serverName: name, alpn: ['transport.l5d.io/v1', 'h2'] };

  beforeAll(async () => {
    hello = await realHello(name, ['transport.l5d.io/v1', 'h2']);
  });

  it('tells server name and ALPN of a real client', () => {
    expect(parseClientHello(hello)).toEqual(expected);
  });

  it('asks for more at every byte before the last', () => {
    for (let length = 0; length < hello.length; length++)
      expect(parseClientHello(hello.subarray(0, length)).kind, String(length)).toBe('more');
  });

  it('is the same in any number of records', () => {
    const message = hello.subarray(5);
    for (const size of [1, 2, 7, 100, 200]) {
      const records: Buffer[] = [];
      for (let at = 0; at < message.length; at += size) {
        const part = message.subarray(at, at + size);
        records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
      }
      const split = Buffer.concat(records);
      if (split.length < 8192) expect(parseClientHello(split), String(size)).toEqual(expected);
    }
  });

  it('has no server name when the client sends none', async () => {
    expect(parseClientHello(await realHello(undefined, []))).toEqual({
      kind: 'hello',
      serverName: undefined,
      alpn: [],
    });
  });

  it('is not seen in anything else', () => {
    for (const text of [
      'GET / HTTP/1.1\r\n',
      'PRI * HTTP/2.0',
      '\x16\x02',
      '\x17\x03\x03\x00\x05',
      '\x16\x03\x01\x00\x00',
      '\x16\x03\x01\x00\x05\x02\x00\x00\x00',
    ]) {
      expect(parseClientHello(Buffer.from(text, 'latin1')), JSON.stringify(text)).toEqual({ kind: 'not-tls' });
    }
  });

  it('never throws, whatever is changed in it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 5 }), fc.nat(700), (changes, length) => {
        const bytes = Buffer.from(hello.subarray(0, length));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        parseClientHello(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('transport header', () => {
  it('is written as Linkerd writes it', () => {
    const bytes = encodeTransportHeader({ port: 8080, name: '', protocol: 'http2' });
    expect(Buffer.from(bytes).toString('latin1')).toBe(
      'transport.l5d.io/v1\r\n\r\n\x00\x00\x00\x07\x08\x90\x3f\x1a\x02\x12\x00',
    );
  });

  it('comes back from any cut, with what follows left alone', () => {
    const header = fc.record({
      port: fc.integer({ min: 1, max: 65535 }),
      name: fc.constantFrom('', 'web.shop.svc.cluster.local:80', 'ä'),
      protocol: fc.constantFrom(undefined, 'http1' as const, 'http2' as const),
    });
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 20 }), (sent, rest) => {
        const bytes = Buffer.concat([encodeTransportHeader(sent), rest]);
        const whole = bytes.length - rest.length;
        expect(decodeTransportHeader(bytes)).toEqual({ header: sent, length: whole });
        for (let length = 0; length < whole; length++)
          expect(decodeTransportHeader(bytes.subarray(0, length))).toBeUndefined();
      }),
    );
  });

  it('refuses what is none, too large, without a target, or cut inside', () => {
    const magic = 'transport.l5d.io/v1\r\n\r\n';
    for (const text of [
      'GET /',
      `${magic}\x00\x01\x00\x00`,
      `${magic}\x00\x00\x00\x00`,
      `${magic}\x00\x00\x00\x02\x12\x09`,
      `${magic}\x00\x00\x00\x02\x0d\x09`,
    ]) {
      expect(() => decodeTransportHeader(Buffer.from(text, 'latin1')), JSON.stringify(text)).toThrow(
        TransportHeaderError,
      );
    }
  });
});

describe('HTTP detection', () => {
  it.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n', 'http1'],
    ['CONNECT a:443 HTTP/1.1\r\n', 'http1'],
    ['GET /a b HTTP/1.1\r\n', 'http1'],
    ['INFO handled GET / HTTP/1.1\n', 'opaque'],
    ['10.0.0.1 - - GET / HTTP/1.1\r\n', 'opaque'],
    ['OPTIONS * HTTP/1.0\r\n', 'http1'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
    ['PRI * HTTP/2', 'more'],
    ['PROPFIND /', 'more'],
    ['GE', 'more'],
    ['', 'more'],
    ['*1\r\n$4\r\nPING\r\n', 'opaque'],
    ['\x00\x00\x00\x08\x04\xd2\x16\x2f', 'opaque'],
    ['EHLO mail.example\r\n', 'opaque'],
    ['SSH-2.0-OpenSSH\r\n', 'opaque'],
    ['USER anonymous\r\n', 'opaque'],
  ])('of %j is %s', (text, expected) => {
    expect(detectHttp(Buffer.from(text, 'latin1'), false)).toBe(expected);
  });

  it('of a target longer than what is waited for is HTTP, in each form that is that long', () => {
    const long = 'a'.repeat(4096);
    for (const target of [`/${long}`, `http://a.test/?q=${long}`, `HTTPS://a/${long}`]) {
      expect(detectHttp(Buffer.from(`GET ${target}`), false)).toBe('http1');
      expect(detectHttp(Buffer.from(`GET ${target}`.slice(0, 4000)), false)).toBe('more');
      expect(detectHttp(Buffer.from(`GET ${target} HTTP/1.1\r\n`), false)).toBe('http1');
    }
    for (const target of [long, `ftp://a/${long}`]) {
      expect(detectHttp(Buffer.from(`GET ${target}`), false)).toBe('opaque');
    }
  });

  it('reads on past a few empty lines, as servers do: what an application takes for HTTP is no opaque stream', () => {
    const detect = (text: string, final = false) => detectHttp(Buffer.from(text, 'latin1'), final);
    expect(detect('\r\nGET / HTTP/1.1\r\n')).toBe('http1');
    expect(detect('\r\n\r\nGET / HTTP/1.1\r\n')).toBe('http1');
    for (const text of ['\r', '\r\n', '\r\n\r', '\r\n\r\n', '\r\nGET']) {
      expect([detect(text), detect(text, true)]).toEqual(['more', 'opaque']);
    }
    expect(detect(`${'\r\n'.repeat(5)}GET / HTTP/1.1\r\n`)).toBe('opaque');
    expect(detect('\rGET / HTTP/1.1\r\n')).toBe('opaque');
  });

  it('comes to a verdict when no more will come', () => {
    for (const text of ['', 'G', 'PRI', 'GET', 'GET ']) expect(detectHttp(Buffer.from(text), true)).toBe('opaque');
    expect(detectHttp(Buffer.from('GET /half'), true)).toBe('http1');
  });
});
