import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lenientReaders } from '../testing/lenient-readers.ts';
import { Opening, type OpeningVerdict } from './opening.ts';

function read(text: string, pieceBytes = text.length): OpeningVerdict {
  const bytes = Buffer.from(text, 'latin1');
  const opening = new Opening();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const verdict = opening.read(bytes.subarray(at, at + pieceBytes));
    if (verdict !== 'open') return verdict;
  }
  return opening.end();
}

const requests = [
  ...['GET / HTTP/1.1', 'get / http/1.1', 'GET  /  HTTP/1.1', 'GET\t/\tHTTP/1.1', ' GET / HTTP/1.1', 'GET / HTTP/1.1 '],
  ...[
    '\r\n\r\nGET / HTTP/1.1',
    '\n\nGET / HTTP/1.1',
    'GET /',
    'GET admin',
    'POST /x',
    'CONNECT db:80',
    'FOO / HTTP/1.1',
  ],
  ...[
    '{x} / HTTP/1.1',
    '0 / HTTP/1.1',
    'GET /\0 HTTP/1.1',
    'GET\xa0/\xa0HTTP/1.1',
    'GET / RTSP/1.0',
    'SOURCE / ICE/1.0',
    'POST /admin X',
    'POST admin X',
    'FOO /admin ',
    'FOO /admin X Y',
    'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nPOST / HTTP/1.1',
    'PROXY UNKNOWN\nGET /',
    '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\n\n\n\n\n\n\n\n\0\x50\0\x50GET / HTTP/1.1',
    '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0POST / HTTP/1.1',
  ],
  ...['GET /a b HTTP/1.1', 'GET /HTTP/1.1', 'GET / HTTP/9.9', 'PRI * HTTP/2.0', `GET /${'a'.repeat(100_000)} HTTP/1.1`],
];

it.each(requests)('%j may be read as a request, however it is cut', (line) => {
  for (const end of ['\r\n', '\n', '\r', '']) {
    for (const size of [1, 7, line.length + end.length]) expect(read(line + end, size)).toBe('http');
  }
});

it.each([
  ...[
    'EHLO mail.example\r\n',
    'a001 LOGIN user pass\r\n',
    'NICK foo\r\n',
    'SSH-2.0-OpenSSH_9\r\n',
    'USER anonymous\r\n',
  ],
  ...[
    '*2\r\n$3\r\nGET\r\n$1\r\na\r\n',
    'PING\r\n',
    'get key\r\n',
    'set key 0 0 1\r\na\r\n',
    'CONNECT {"verbose":false}\r\n',
  ],
  ...['PUB subject 5\r\n', 'CONNECT\naccept-version:1.2\n', 'INVITE sip:bob@b.test SIP/2.0\r\n', '{"id":1}\n', 'GE'],
  ...[
    '\x00\x00\x00\x53\x00\x03\x00\x00user\x00',
    '\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00',
    'AMQP\0\0\x09\x01',
  ],
  ...[
    '<134>Jan 1 host nginx: 10.0.0.1 "GET / HTTP/1.1" 200\n',
    '<134>Jan 1 host app: "GET / HTTP/1.1"\n',
    '{"message":"GET /health HTTP/1.1"}\n',
    'INFO handled GET / HTTP/1.1\n',
    "Q\0\0\0\x20select 'GET / HTTP/1.1'\n",
  ],
  ...['OPTIONS sip:bob@b.test SIP/2.0\r\n', 'MOVE key 1\r\n', 'SUBSCRIBE a b\r\n', 'PROXY TCP4 a b 1 2\r\nEHLO a\r\n'],
  ...['\r\n\r\n\0\r\nQUIT\n\x20\0\0\0EHLO a\r\n', '\r\n\r\n\0\r\nQUIET\n', '\r\n\r\nEHLO a\r\n'],
])('%j may not', (text) => {
  for (const size of [1, 3, text.length]) expect(read(text, size)).toBe('other');
});

it('what follows the first line that is not blank is looked at no more', () => {
  const opening = new Opening();
  expect(opening.read(Buffer.from('\r\n\r\nEHLO'))).toBe('open');
  expect(opening.read(Buffer.from(' a\r\nGET / HTTP/1.1\r\n'))).toBe('other');
});

it('TLS is taken for what may hide a request where that is asked for, at the beginning alone', () => {
  const hello = Buffer.from('\x16\x03\x01\x02\x00\x01', 'latin1');
  expect([new Opening().read(hello), new Opening(true).read(hello)]).toEqual(['open', 'http']);
  const opening = new Opening(true);
  expect([opening.read(Buffer.from('a')), opening.read(hello)]).toEqual(['open', 'open']);
  const ofSsl2 = Buffer.from('\x80\x2e\x01\x03\x03', 'latin1');
  expect([new Opening().read(ofSsl2), new Opening(true).read(ofSsl2)]).toEqual(['open', 'http']);
  const behindProxy = Buffer.concat([Buffer.from('PROXY UNKNOWN\r\n'), hello]);
  expect([new Opening().read(behindProxy), new Opening(true).read(behindProxy)]).toEqual(['open', 'http']);
});

describe('what some server takes for a request is never let pass', () => {
  const space = fc.constantFrom(' ', '  ', '\t', '\x0b', '\xa0', '\x1c', '\r', '');
  const word = fc.oneof(
    fc.constantFrom(
      'GET',
      'get',
      'POST',
      'M-SEARCH',
      '/',
      '/admin',
      'admin',
      '*',
      'http://a/',
      'a:80',
      'HTTP/1.1',
      'http/1.0',
    ),
    fc.constantFrom('HTTP/2.0', 'RTSP/1.0', 'HTTP/1.10', 'HTTP', '{', '\0'),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 4 }),
  );
  const line = fc
    .tuple(fc.constantFrom('', '\r\n', '\n', ' ', '\r\n\r\n'), fc.array(fc.tuple(word, space), { maxLength: 5 }))
    .map(([before, words]) => before + words.flat().join(''));
  const text = fc
    .tuple(line, fc.constantFrom('\r\n', '\n', '\r'))
    .map(([first, end]) => `${first}${end}Host: a\r\n\r\n`);

  it.each(Object.keys(lenientReaders))('by %s', (name) => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 20 }), (sent, pieceBytes) => {
        if (lenientReaders[name](sent)) expect(read(sent, pieceBytes)).toBe('http');
      }),
      { numRuns: 20_000 },
    );
  });
});
