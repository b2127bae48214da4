import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { TapEvent_HttpSchema, TapEventSchema } from '../../api/gen/tap_pb.js';
import { tapJson, tapLine } from './render.ts';

type Init = MessageInitShape<typeof TapEventSchema>;
type Part = NonNullable<MessageInitShape<typeof TapEvent_HttpSchema>['event']>;

const ip = (value: number) => ({ ip: { case: 'ipv4' as const, value } });
const id = { base: 7, stream: 42n };
const inbound: Init = {
  source: { ip: ip(0x0a000001), port: 4000 },
  sourceMeta: { labels: { tls: 'true', deployment: 'web', pod: 'web-1', namespace: 'shop' } },
  destination: { ip: ip(0x0a000002), port: 8080 },
  destinationMeta: { labels: { deployment: 'voting', namespace: 'shop' } },
  proxyDirection: 1,
};
const event = (part: Part, more: Init = {}) =>
  create(TapEventSchema, {
    ...inbound,
    ...more,
    event: { case: 'http', value: create(TapEvent_HttpSchema, { event: part }) },
  } as Init);
const request = (path = '/vote') =>
  ({
    case: 'requestInit',
    value: { id, method: { type: { case: 'registered', value: 1 } }, authority: 'voting:8080', path },
  }) as const;
const response: Part = {
  case: 'responseInit',
  value: { id, httpStatus: 200, sinceRequestInit: { seconds: 1n, nanos: 2_345_678 } },
};
const end = (eos: object | undefined, outcome?: object): Part =>
  ({
    case: 'responseEnd',
    value: { id, sinceResponseInit: { nanos: 12_000 }, responseBytes: 1337n, eos: eos && { end: eos }, outcome },
  }) as Part;

it("events are the lines of Linkerd's tap", () => {
  const flow = 'proxy=in  src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=true';
  expect(tapLine(event(request()), undefined)).toBe(
    `req id=7:42 ${flow} :method=POST :authority=voting:8080 :path=/vote`,
  );
  expect(tapLine(event(response), undefined)).toBe(`rsp id=7:42 ${flow} :status=200 latency=1002345µs`);
  const last = 'duration=12µs response-length=1337B';
  expect(tapLine(event(end(undefined)), undefined)).toBe(`end id=7:42 ${flow} ${last}`);
  const grpc = { case: 'grpcStatusCode', value: 14 };
  expect(tapLine(event(end(grpc)), undefined)).toBe(`end id=7:42 ${flow} grpc-status=Unavailable ${last}`);
  const reset = { case: 'resetErrorCode', value: 8 };
  expect(tapLine(event(end(reset)), undefined)).toBe(`end id=7:42 ${flow} reset-error=8 ${last}`);
});

it('what goes out has the TLS of whom it goes to', () => {
  const out = { proxyDirection: 2, destinationMeta: { labels: { tls: 'not_provided_by_service_discovery' } } };
  expect(tapLine(event(request(), out), undefined)).toContain(
    'proxy=out src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=not_provided_by_service_discovery :method',
  );
});

it('wide lines say whose the ends are, what decided, and what came of it', () => {
  const decision = {
    authorization: { kind: { case: 'resource' as const, value: { kind: 'AuthorizationPolicy', name: 'web' } } },
    traceId: 'abc',
  };
  const more: Init = { routeMeta: { labels: { route: 'votes' } }, decision };
  expect(tapLine(event(request(), more), 'deployment')).toMatch(
    / src_res=deploy\/web src_ns=shop dst_res=deploy\/voting dst_ns=shop rt_route=votes authz=authorizationpolicy\/web trace=abc$/,
  );
  expect(tapLine(event(request()), 'statefulset')).toMatch(/ src_pod=web-1 src_ns=shop dst_ns=shop$/);
  expect(tapLine(event(request()), 'namespace')).toMatch(/ src_res=ns\/shop dst_res=ns\/shop$/);
  const account = { labels: { tls: 'true', client_id: 'web.shop.serviceaccount.identity.tulle.cluster.local' } };
  expect(tapLine(event(request(), { sourceMeta: account }), 'deployment')).toContain(
    ' src_sa=web src_ns=shop dst_res=',
  );
  const outcome = { tries: 3, failure: 'try-timeout', message: 'too slow' };
  expect(tapLine(event(end(undefined, outcome)), 'deployment')).toMatch(/ tries=3 failure=try-timeout \(too slow\)$/);
});

it('what others wrote moves no cursor', () => {
  expect(tapLine(event(request('/\u001b[2J\r\nreq id=1:1')), 'deployment')).not.toMatch(/\p{Cc}/u);
});

it('JSON has all of it', () => {
  const headers = { headers: [{ name: 'cookie', value: Buffer.from('(masked)') }] };
  const part: Part = { case: 'requestInit', value: { ...request().value, headers } };
  expect(tapJson(event(part, { missedEvents: 3n }))).toEqual({
    source: { ip: '10.0.0.1', port: 4000, metadata: inbound.sourceMeta!.labels },
    destination: { ip: '10.0.0.2', port: 8080, metadata: inbound.destinationMeta!.labels },
    routeMeta: null,
    proxyDirection: 'INBOUND',
    requestInitEvent: {
      id: { base: 7, stream: 42 },
      method: 'POST',
      scheme: '',
      authority: 'voting:8080',
      path: '/vote',
      headers: [{ name: 'cookie', valueStr: '(masked)' }],
    },
    missedEvents: 3,
  });
  expect(tapJson(event(end({ case: 'grpcStatusCode', value: 2 }, { tries: 1 })))).toMatchObject({
    responseEndEvent: { responseBytes: 1337, grpcStatusCode: 2, sinceResponseInit: { nanos: 12_000 }, trailers: null },
    outcome: { tries: 1 },
  });
});
