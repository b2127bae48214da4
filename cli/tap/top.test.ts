import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { TapEvent_HttpSchema, TapEventSchema } from '../../api/gen/tap_pb.js';
import type { Terminal } from '../terminal.ts';
import { LiveTable } from './live-table.ts';
import { TopTable } from './top-table.ts';

type Part = NonNullable<MessageInitShape<typeof TapEvent_HttpSchema>['event']>;

let stream = 0n;
/** One request, in the three events of it. */
function* request(
  of: { pod?: string; path?: string; status?: number; grpc?: number; ms?: number; source?: string; out?: boolean } = {},
) {
  const { pod = 'web-1', path = '/', status = 200, grpc, ms = 5, source = 'bot', out = false } = of;
  const id = { base: 1, stream: ++stream };
  const parts: Part[] = [
    { case: 'requestInit', value: { id, path, method: { type: { case: 'registered', value: 1 } } } },
    { case: 'responseInit', value: { id, httpStatus: status } },
    {
      case: 'responseEnd',
      value: {
        id,
        sinceRequestInit: { nanos: ms * 1_000_000 },
        ...(grpc === undefined ? {} : { eos: { end: { case: 'grpcStatusCode', value: grpc } } }),
      },
    },
  ];
  for (const part of parts) {
    yield create(TapEventSchema, {
      sourceMeta: { labels: { client_id: `${source}.shop.serviceaccount.identity.tulle.cluster.local` } },
      proxyDirection: out ? 2 : 1,
      destinationMeta: { labels: { pod } },
      event: { case: 'http', value: create(TapEvent_HttpSchema, { event: part }) },
    } as MessageInitShape<typeof TapEventSchema>);
  }
}

it('requests are counted by who asks whom for what, sorted as it is asked', () => {
  const table = new TopTable();
  for (const ms of [5, 1, 9]) for (const event of request({ ms })) table.add(event);
  for (const event of request({ path: '/slow', ms: 2500, status: 503 })) table.add(event);
  for (const event of request({ path: '/grpc', grpc: 14 })) table.add(event);
  expect(table.text('count')).toBe(
    [
      'SOURCE     DESTINATION   METHOD   PATH    ROUTE   COUNT   BEST   WORST   LAST   SUCCESS',
      'bot.shop   web-1         POST     /       -           3    1ms     9ms    9ms   100.00%',
      'bot.shop   web-1         POST     /slow   -           1   2.5s    2.5s   2.5s     0.00%',
      'bot.shop   web-1         POST     /grpc   -           1    5ms     5ms    5ms     0.00%',
      '',
    ].join('\n'),
  );
  expect(table.text('worst', 1)).toMatch(/\n.*\/slow/);
  expect(table.text('success', 1)).not.toMatch(/100\.00%/);
});

it('a request of which both ends tell is one, and those of whom no sidecar tells are counted where they come in', () => {
  const both = [true, false].flatMap((out) => [...request({ out, ms: out ? 7 : 5 })]);
  const events = [...both, ...request({ source: 'stranger', ms: 3 })];
  const shown = (hideSources: boolean): string[] => {
    const table = new TopTable({ hideSources });
    for (const event of events) table.add(event);
    return table.text('count').trim().split('\n').slice(1);
  };
  expect(shown(false).map((line) => line.split(/ +/).slice(0, 7).join(' '))).toEqual([
    'bot.shop web-1 POST / - 1 7ms',
    'stranger.shop web-1 POST / - 1 3ms',
  ]);
  expect(shown(true).map((line) => line.split(/ +/).slice(0, 7).join(' '))).toEqual(['web-1 POST / - 2 3ms 7ms']);
});

it('what has not ended is not counted, and what is not known has no row', () => {
  const table = new TopTable({ hideSources: true });
  const [first, , last] = request();
  table.add(last);
  table.add(first);
  expect(table.size).toBe(0);
  table.add(last);
  expect(table.text('count')).toMatch(/^DESTINATION .*\nweb-1 /);
});

it('however many paths there are, rows are bounded, and the rest is counted', () => {
  const table = new TopTable();
  for (let i = 0; i < 1010; i++) for (const event of request({ path: `/${i}` })) table.add(event);
  expect([table.size, table.leftOut]).toEqual([1000, 10]);
});

it('on a terminal, keys sort the table, hold it and end it', () => {
  let page = '';
  let press: (key: string) => void = () => {};
  let released = false;
  let stopped = false;
  const screen = {
    size: () => ({ rows: 4, columns: 90 }),
    onKey: (callback: typeof press) => {
      press = callback;
      return () => {
        released = true;
      };
    },
  };
  const out = (text: string): void => {
    page = text;
  };
  const terminal = { out, onStop: () => {} } as unknown as Terminal;
  const live = new LiveTable(new TopTable(), screen, terminal);
  live.onStop(() => {
    stopped = true;
  });
  for (const path of ['/often', '/often', '/slow']) {
    for (const event of request({ path, ms: path === '/slow' ? 900 : 1 })) live.add(event);
  }
  const shown = (): string[] => page.split('\r\n');
  press('c');
  // As much as there is room for: the state, the header, one row.
  expect(shown()).toHaveLength(3);
  expect(shown()[2]).toContain('/often');
  press('w');
  expect(shown()[0]).toContain('by worst');
  expect(shown()[2]).toContain('/slow');
  press('p');
  for (const event of request({ path: '/slow', ms: 990 })) live.add(event);
  expect(shown()[2]).toContain('900ms');
  press('\u0003');
  expect(stopped).toBe(true);
  live.close();
  expect([released, page]).toEqual([true, '\u001b[?25h\u001b[?1049l']);
});
