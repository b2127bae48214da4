import fc from 'fast-check';
import { expect, it } from 'vitest';
import { failures } from '../exchange/proxy-failure.ts';
import { requestOf, testOrigin } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { OutputBuffer } from '../wire/output-buffer.ts';
import { AccessLog } from './access-log.ts';
import type { AccessLogFormat } from './entry.ts';
import type { LineSink } from './line-sink.ts';

/** Where lines go to be looked at. */
function gathered(): { readonly lines: string[]; readonly sink: Pick<LineSink, 'begin' | 'end'> } {
  const lines: string[] = [];
  const out = new OutputBuffer();
  return {
    lines,
    sink: {
      begin: () => out,
      end: (start) => lines.push(Buffer.from(out.bytes.subarray(start, out.length)).toString()),
    },
  };
}

function refused(format: AccessLogFormat, head: Parameters<typeof requestOf>[0], fields: [string, string][] = []) {
  const { lines, sink } = gathered();
  const log = new AccessLog(format, sink, new FakeClock());
  const own = fields.map(([name, value]) => new Field(name, value));
  const request = requestOf({ ...head, fields: own, marks: marksOfAll(own) });
  log.onRefused(testOrigin('http1'), request, failures.unauthorized, {
    ...{ route: undefined, authorization: undefined, override: undefined },
    parent: { group: 'policy.linkerd.io', kind: 'server', name: 'web' },
  });
  return lines.join('');
}

it('tells in its apache format what Linkerd tells, and behind it what decided', () => {
  expect(refused('apache', { path: '/a?b=c' })).toBe(
    '127.0.0.1:4000 - - [2026-01-01T00:00:00.000Z] "GET /a?b=c HTTP/1.1" 403 server=policy.linkerd.io/server/web route=- authz=- tries=0 trace=- error="unauthorized"\n',
  );
});

it('names its JSON fields as Linkerd does', () => {
  const entry = JSON.parse(refused('json', {}, [['user-agent', 'curl/8']])) as object;
  expect(Object.keys(entry).slice(0, 14)).toEqual([
    ...['client.addr', 'client.id', 'timestamp', 'method', 'uri', 'version', 'trace_id', 'request_bytes', 'status'],
    ...['response_bytes', 'total_ns', 'processing_ns', 'user_agent', 'host'],
  ]);
  expect(entry).toMatchObject({ 'client.addr': '127.0.0.1:4000', user_agent: 'curl/8', status: 403, host: 'web' });
});

const hostile = ['/"} x "GET / HTTP/1.1" 200', '/\u001b[2J', '/a\nb', '/\u2028x', '/\\', '/é', '/\u202e'];
it.each(hostile)('writes one line that says one thing, though a client asks for %j', (path) => {
  const line = refused('apache', { path, method: 'G"T' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  expect(line).toMatch(/^[^\u0000-\u001f\u007f-\uffff]*\n$/);
  expect(line.match(/"/g)).toHaveLength(4);
  const json = refused('json', { path });
  expect(json).toMatch(/^[ -~]*\n$/);
  expect(JSON.parse(json)).toMatchObject({ uri: path });
});

it('has room for 2,048 characters of a value', () => {
  const long = 'x'.repeat(100_000);
  const line = refused('json', { path: long, authority: long, method: long }, [
    ['user-agent', long],
    ['x-request-id', long],
  ]);
  expect(line.length).toBeLessThan(12_000);
});

it.each([
  [[['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']], '0af7651916cd43dd8448eb211c80319c'],
  [[['x-b3-traceid', '463ac35c9f6413ad']], '463ac35c9f6413ad'],
  [[['b3', '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1']], '80f198ee56343ba864fe8b2a57d3eff7'],
  [[['x-request-id', 'r-1']], 'r-1'],
  [[['x-amzn-trace-id', 'Root=1']], 'Root=1'],
  [
    [
      ['traceparent', 'broken'],
      ['x-request-id', 'r-2'],
    ],
    'r-2',
  ],
  [[], ''],
] as [[string, string][], string][])('finds the trace of a request with %j', (fields, expected) => {
  expect(JSON.parse(refused('json', {}, fields))).toMatchObject({ trace_id: expected });
});

it('tells of each request its own, however much it is like the one before', () => {
  const { lines, sink } = gathered();
  const clock = new FakeClock();
  const log = new AccessLog('json', sink, clock);
  const origins = [testOrigin('http1'), { ...testOrigin('http2'), clientAddress: '::1', clientIdentity: 'web' }];
  const told: object[] = [];
  const one = fc.record({
    method: fc.constantFrom('GET', 'POST'),
    path: fc.constantFrom('/', '/a', `/${'long'.repeat(200)}`, '/é"'),
    authority: fc.constantFrom('web', ''),
    agent: fc.constantFrom('curl', 'k6'),
    origin: fc.constantFrom(...origins),
    afterMs: fc.constantFrom(0, 0.25, 1),
  });
  fc.assert(
    fc.property(fc.array(one), (many) => {
      for (const { method, path, authority, agent, origin, afterMs } of many) {
        clock.advance(afterMs);
        const fields = [new Field('user-agent', agent)];
        log.onRefused(
          origin,
          requestOf({ method, path, authority, fields, marks: marksOfAll(fields) }),
          failures.unauthorized,
          undefined,
        );
        told.push({
          'client.addr': origin === origins[0] ? '127.0.0.1:4000' : '[::1]:4000',
          'client.id': origin === origins[0] ? '-' : 'web',
          timestamp: new Date(Math.floor(clock.wallMs())).toISOString(),
          ...{ method, uri: path, host: authority, user_agent: agent },
          version: origin === origins[0] ? 'HTTP/1.1' : 'HTTP/2.0',
        });
      }
    }),
    { numRuns: 30 },
  );
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject(told);
});
