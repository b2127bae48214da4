import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ClientConnection,
  ErrorCode,
  type ResponseHandler,
  type ResponseHead,
  type ServerStream,
} from '../wire/stream.ts';
import { Exchange, type ExchangeObserver, type HttpVersion } from './exchange.ts';

let statuses: number[];
let resets: ErrorCode[];
let upstreams: ResponseHandler[];
let resent: number;
const nothing = { sendData: () => {}, sendTrailers: () => {}, reset: () => {}, credit: () => {} };
const downstream: ServerStream = {
  ...nothing,
  sendInformational: () => {},
  sendResponse: ({ status }: ResponseHead) => void statuses.push(status),
  reset: (code: ErrorCode) => void resets.push(code),
};
const connection: ClientConnection = {
  listed: false,
  requests: 0,
  request: (_head, _end, handler) => {
    upstreams.push(handler);
    return nothing;
  },
  ...{ activeStreams: 0, available: true, drain: () => {}, close: () => {} },
};
const observer: ExchangeObserver = { onResponse: () => {}, onFinish: () => {} };
const answer: ResponseHead = { status: 200, contentLength: 0, upgrade: undefined, fields: [], marks: 0 };

beforeEach(() => {
  statuses = [];
  resets = [];
  upstreams = [];
  resent = 0;
});

function begun(version: HttpVersion, end: boolean, body?: string): Exchange {
  const head = {
    ...{ method: 'GET', scheme: 'http', authority: 'web', path: '/', contentLength: -1 },
    ...{ upgrade: undefined, absoluteForm: false, fields: [], marks: 0 },
  };
  const exchange = new Exchange(downstream, head, end, observer, 0, version, false);
  exchange.resender = {
    resend: (again) => {
      resent++;
      again.start(connection);
    },
  };
  // A body that comes before a connection is there waits for it.
  if (body !== undefined) exchange.requestSide.onData(Buffer.from(body), true);
  exchange.start(connection);
  return exchange;
}
const refuse = (): void => upstreams.at(-1)!.onReset(ErrorCode.refusedStream, 'the peer goes away');

describe('a request that the server refused without looking at it', () => {
  it('is sent again when all of it is its head, and the client notices nothing', () => {
    begun('http1', true);
    refuse();
    upstreams.at(-1)!.onResponse(answer, true);
    expect([resent, statuses, resets]).toEqual([1, [200], []]);
  });

  it('is not sent again for ever', () => {
    begun('http1', true);
    for (let i = 0; i < 10 && statuses.length === 0; i++) refuse();
    expect([resent, statuses]).toEqual([3, [502]]);
  });

  it('with a body goes back to an HTTP/2 client as refused, which may send it again', () => {
    begun('http2', false).requestSide.onData(Buffer.from('body'), true);
    refuse();
    expect([resent, statuses, resets]).toEqual([0, [], [ErrorCode.refusedStream]]);
  });

  it('with a body is an error to an HTTP/1 client', () => {
    begun('http1', false).requestSide.onData(Buffer.from('body'), true);
    refuse();
    expect([resent, statuses]).toEqual([0, [502]]);
  });

  it('with a body that had waited is not sent again without it', () => {
    begun('http1', false, 'body');
    refuse();
    expect([resent, statuses]).toEqual([0, [502]]);
  });

  it('is not sent again once its client is gone', () => {
    const exchange = begun('http1', true);
    const [upstream] = upstreams;
    exchange.cancelled(ErrorCode.cancel, 'client closed the connection');
    upstream.onReset(ErrorCode.refusedStream, 'the peer goes away');
    expect([resent, statuses]).toEqual([0, []]);
  });
});

it('a request whose connection broke is not sent again: the server may have acted on it', () => {
  begun('http1', true);
  upstreams[0].onReset(ErrorCode.cancel, 'connection closed');
  expect([resent, statuses]).toEqual([0, [502]]);
});
