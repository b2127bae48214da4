/** HTTP/2 requests that must not go on in any version: written into HTTP/1 they would be another message, or two. */
export interface Http2Vector {
  readonly name: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  readonly trailers?: readonly (readonly [name: string, value: string])[];
}

const pseudo = { ':method': 'POST', ':scheme': 'http', ':path': '/', ':authority': 'a.test' };
const request = (
  changes: Record<string, string>,
  ...more: (readonly [string, string])[]
): (readonly [string, string])[] => [...Object.entries({ ...pseudo, ...changes }), ...more];

const smuggle = 'a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a';

export const http2Vectors: readonly Http2Vector[] = [
  { name: 'CR LF in a value', fields: request({}, ['x', smuggle]) },
  { name: 'LF in a value', fields: request({}, ['x', 'a\nTransfer-Encoding: chunked']) },
  { name: 'CR in a value', fields: request({}, ['x', 'a\rb']) },
  { name: 'NUL in a value', fields: request({}, ['x', 'a\x00b']) },
  { name: 'another control character in a value', fields: request({}, ['x', 'a\x0bb']) },
  { name: 'a value that begins with a space', fields: request({}, ['x', ' a']) },
  { name: 'a value that ends with a tab', fields: request({}, ['x', 'a\t']) },
  { name: 'CR LF in a name', fields: request({}, ['x: a\r\n\r\nGET /smuggled HTTP/1.1\r\ny', 'b']) },
  { name: 'a colon in a name', fields: request({}, ['transfer-encoding: chunked\r\nx', 'b']) },
  { name: 'a colon behind a name', fields: request({}, ['x:', 'b']) },
  { name: 'a space in a name', fields: request({}, ['x y', 'b']) },
  { name: 'an empty name', fields: request({}, ['', 'b']) },
  { name: 'an upper-case name', fields: request({}, ['Transfer-Encoding', 'chunked']) },
  { name: 'transfer-encoding', fields: request({}, ['transfer-encoding', 'chunked']) },
  { name: 'connection', fields: request({}, ['connection', 'close']) },
  { name: 'keep-alive', fields: request({}, ['keep-alive', '5']) },
  { name: 'proxy-connection', fields: request({}, ['proxy-connection', 'close']) },
  { name: 'upgrade', fields: request({}, ['upgrade', 'websocket']) },
  { name: 'te that is not trailers', fields: request({}, ['te', 'chunked']) },
  { name: 'CR LF in :path', fields: request({ ':path': '/ HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled' }) },
  { name: 'a space in :path', fields: request({ ':path': '/a HTTP/1.1' }) },
  { name: 'a control character in :path', fields: request({ ':path': '/\x01' }) },
  { name: 'obs-text in :path', fields: request({ ':path': '/\xe4' }) },
  { name: 'a fragment in :path', fields: request({ ':path': '/#a' }) },
  { name: 'a relative :path', fields: request({ ':path': 'a' }) },
  { name: 'an absolute :path', fields: request({ ':path': 'http://b/' }) },
  { name: 'an empty :path', fields: request({ ':path': '' }) },
  { name: '* for POST', fields: request({ ':path': '*' }) },
  { name: 'a space in :method', fields: request({ ':method': 'GET /smuggled HTTP/1.1' }) },
  { name: 'CR LF in :method', fields: request({ ':method': 'GET / HTTP/1.1\r\nX: a\r\nY' }) },
  { name: 'an empty :method', fields: request({ ':method': '' }) },
  { name: 'CR LF in :authority', fields: request({ ':authority': 'a\r\nX: b' }) },
  { name: 'a path in :authority', fields: request({ ':authority': 'a/b' }) },
  { name: 'user information in :authority', fields: request({ ':authority': 'u@a' }) },
  { name: 'a space in :authority', fields: request({ ':authority': 'a b' }) },
  { name: 'a target in :scheme', fields: request({ ':scheme': 'http://b/?' }) },
  { name: 'host that differs from :authority', fields: request({}, ['host', 'b.test']) },
  { name: 'host twice', fields: request({}, ['host', 'a.test'], ['host', 'a.test']) },
  { name: 'host with a path', fields: request({ ':authority': '' }, ['host', 'a/b']) },
  { name: ':path twice', fields: request({}).concat([[':path', '/b']]) },
  { name: 'a pseudo-header behind a field', fields: [...request({}, ['x', 'a']), [':path', '/b']] },
  { name: 'an unknown pseudo-header', fields: [[':smuggled', 'a'], ...request({})] },
  { name: ':status in a request', fields: [[':status', '200'], ...request({})] },
  { name: ':protocol without CONNECT', fields: [...request({}), [':protocol', 'websocket']] },
  {
    name: 'CONNECT without a port',
    fields: [
      [':method', 'CONNECT'],
      [':authority', 'a'],
    ],
  },
  { name: 'CONNECT with a path', fields: request({ ':method': 'CONNECT' }) },
  { name: 'a length above the body', fields: request({}, ['content-length', '5']), body: 'abc' },
  { name: 'a length below the body', fields: request({}, ['content-length', '2']), body: smuggle },
  { name: 'a length of 0 with a body', fields: request({}, ['content-length', '0']), body: smuggle },
  { name: 'a length without a body', fields: request({}, ['content-length', '5']) },
  {
    name: 'two lengths that differ',
    fields: request({}, ['content-length', '3'], ['content-length', '4']),
    body: 'abc',
  },
  {
    name: 'two lengths that agree',
    fields: request({}, ['content-length', '3'], ['content-length', '3']),
    body: 'abc',
  },
  { name: 'a list of lengths', fields: request({}, ['content-length', '3, 3']), body: 'abc' },
  { name: 'a signed length', fields: request({}, ['content-length', '+3']), body: 'abc' },
  { name: 'CR LF in a trailer', fields: request({}), body: 'abc', trailers: [['x', smuggle]] },
  { name: 'a length in trailers', fields: request({}), body: 'abc', trailers: [['content-length', '3']] },
  { name: 'a coding in trailers', fields: request({}), body: 'abc', trailers: [['transfer-encoding', 'chunked']] },
  { name: 'host in trailers', fields: request({}), body: 'abc', trailers: [['host', 'b']] },
  { name: 'a pseudo-header in trailers', fields: request({}), body: 'abc', trailers: [[':path', '/smuggled']] },
];
