/**
 * Responses that leave it open where they end, or what the bytes behind them are. `method` is what they answer.
 */
export interface ResponseVector {
  readonly name: string;
  readonly bytes: string;
  readonly method?: 'GET' | 'HEAD';
  /** A response is taken from it all the same; only the connection must not be used again. */
  readonly taken?: true;
}

/** Follows each; it must not answer the next request. */
export const smuggledResponse = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled';

const ok = (lines: string, body = '') => `HTTP/1.1 200 OK\r\n${lines}\r\n${body}`;

export const responseVectors: readonly ResponseVector[] = [
  { name: 'length and chunked', bytes: ok('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n') },
  { name: 'chunked and length', bytes: ok('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n') },
  { name: 'two lengths that differ', bytes: ok('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab') },
  { name: 'two lengths that agree', bytes: ok('Content-Length: 2\r\nContent-Length: 2\r\n', 'ab') },
  { name: 'a list of lengths', bytes: ok('Content-Length: 2, 2\r\n', 'ab') },
  { name: 'a signed length', bytes: ok('Content-Length: +2\r\n', 'ab') },
  { name: 'a negative length', bytes: ok('Content-Length: -2\r\n', 'ab') },
  { name: 'a hexadecimal length', bytes: ok('Content-Length: 0x2\r\n', 'ab') },
  { name: 'an empty length', bytes: ok('Content-Length:\r\n', '') },
  { name: 'an enormous length', bytes: ok('Content-Length: 99999999999999999999\r\n', '') },
  { name: 'a length with a space before its colon', bytes: ok('Content-Length : 2\r\n', 'ab'), taken: true },
  { name: 'two lengths of which one has a space', bytes: ok('Content-Length: 1\r\nContent-Length : 2\r\n', 'ab') },
  { name: 'a length that is folded', bytes: ok('Content-Length:\r\n 2\r\n', 'ab') },
  { name: 'an unknown coding', bytes: ok('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n') },
  { name: 'identity', bytes: ok('Transfer-Encoding: identity\r\n', 'ab') },
  { name: 'gzip before chunked', bytes: ok('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n') },
  { name: 'identity behind chunked', bytes: ok('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n') },
  { name: 'chunked twice', bytes: ok('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n') },
  { name: 'chunked in quotes', bytes: ok('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n') },
  { name: 'chunked in HTTP/1.0', bytes: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'a bare LF in the status line', bytes: 'HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nab' },
  { name: 'a bare LF behind a field', bytes: ok('X: a\nContent-Length: 2\r\n', 'ab') },
  { name: 'a bare CR in a field', bytes: ok('X: a\rContent-Length: 2\r\n', 'ab') },
  { name: 'a bare LF as the empty line', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nab' },
  { name: 'a folded field', bytes: ok('X: a\r\n b\r\nContent-Length: 2\r\n', 'ab') },
  { name: 'NUL in a field', bytes: ok('X: \x00\r\nContent-Length: 2\r\n', 'ab') },
  { name: 'NUL in the reason', bytes: 'HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'a field without a colon', bytes: ok('X\r\nContent-Length: 2\r\n', 'ab') },
  { name: 'a field without a name', bytes: ok(': a\r\nContent-Length: 2\r\n', 'ab') },
  { name: 'a status of two digits', bytes: 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'a status of four digits', bytes: 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'a status below 100', bytes: 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'a signed status', bytes: 'HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'two spaces before the status', bytes: 'HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'HTTP/2 as a version', bytes: 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'HTTP/0.9', bytes: '<html>an answer</html>\r\n\r\n' },
  { name: 'an empty line first', bytes: `\r\n${ok('Content-Length: 2\r\n', 'ab')}` },
  {
    name: 'a 101 that was not asked for',
    bytes: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  },
  { name: 'a 100 with a body', bytes: 'HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'a 103 that is chunked', bytes: 'HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'a 204 with a length', bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', taken: true },
  {
    name: 'a 204 that is chunked',
    bytes: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    taken: true,
  },
  {
    name: 'a 204 to HEAD that is chunked',
    method: 'HEAD',
    bytes: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    taken: true,
  },
  { name: 'a bad chunk size', bytes: ok('Transfer-Encoding: chunked\r\n', '0x2\r\nab\r\n0\r\n\r\n') },
  {
    name: 'a chunk size that overflows',
    bytes: ok('Transfer-Encoding: chunked\r\n', 'fffffffffffffffff\r\nab\r\n0\r\n\r\n'),
  },
  { name: 'a chunk longer than its size', bytes: ok('Transfer-Encoding: chunked\r\n', '2\r\nabc\r\n0\r\n\r\n') },
  { name: 'a chunk that ends in a bare LF', bytes: ok('Transfer-Encoding: chunked\r\n', '2\r\nab\n0\r\n\r\n') },
  { name: 'a length in trailers', bytes: ok('Transfer-Encoding: chunked\r\n', '0\r\nContent-Length: 2\r\n\r\n') },
  {
    name: 'a coding in trailers',
    bytes: ok('Transfer-Encoding: chunked\r\n', '0\r\nTransfer-Encoding: chunked\r\n\r\n'),
  },
  { name: 'bytes behind the body', bytes: ok('Content-Length: 2\r\n', 'ab'), taken: true },
  {
    name: 'bytes behind the last chunk',
    bytes: ok('Transfer-Encoding: chunked\r\n', '2\r\nab\r\n0\r\n\r\n'),
    taken: true,
  },
  { name: 'a 304 with a body', bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello', taken: true },
  { name: 'a 204 with a body', bytes: 'HTTP/1.1 204 No Content\r\n\r\nhello', taken: true },
  { name: 'HEAD with a body', method: 'HEAD', bytes: ok('Content-Length: 5\r\n', 'hello'), taken: true },
  { name: 'HEAD with chunks', method: 'HEAD', bytes: ok('Transfer-Encoding: chunked\r\n', '0\r\n\r\n'), taken: true },
];
