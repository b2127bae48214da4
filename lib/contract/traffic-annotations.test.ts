import { expect, test } from 'vitest';
import { trafficSettings } from './traffic-annotations.ts';

const accrual = 'balancer.linkerd.io/failure-accrual';
const alpha = 'balancer.alpha.linkerd.io';
const minReady = 'balancer.tulle.dev/failure-accrual-min-ready-endpoints';
const nothing = { timeouts: {}, allowsRequestHeaders: false, overrides: [] };

test('without annotations nothing is limited, retried or ejected', () => {
  expect(trafficSettings()).toEqual(nothing);
});

test('failure accrual has its defaults', () => {
  const backoff = { minMs: 1000, maxMs: 60_000, jitterRatio: 0.5, honorRetryAfter: false };
  expect(trafficSettings({ [accrual]: 'consecutive' }).accrual).toEqual({
    kind: 'consecutive',
    maxFailures: 7,
    backoff,
  });
  expect(trafficSettings({ [accrual]: 'unified' }).accrual).toEqual({
    kind: 'unified',
    maxFailures: 7,
    backoff,
    successRate: 0.8,
    windowMs: 10_000,
    minRequests: 5,
  });
});

test('everything can be set', () => {
  const settings = trafficSettings({
    [accrual]: 'unified',
    [`${accrual}-consecutive-max-failures`]: '3',
    [`${accrual}-consecutive-min-penalty`]: '2s',
    [`${accrual}-consecutive-max-penalty`]: '4s',
    [`${accrual}-consecutive-jitter-ratio`]: '1.5',
    [`${alpha}/failure-accrual-success-rate-threshold`]: '0.5',
    [`${alpha}/failure-accrual-success-rate-window`]: '1m',
    [`${alpha}/failure-accrual-success-rate-min-requests`]: '9',
    [`${alpha}/failure-accrual-honor-retry-after`]: 'true',
    [minReady]: '2',
    [`${alpha}/penalize-failures`]: 'true',
    [`${alpha}/load-biaser-penalty`]: '1s',
    'timeout.linkerd.io/request': '3s',
    'timeout.linkerd.io/response': '2s',
    'timeout.linkerd.io/idle': '1s',
    'retry.linkerd.io/http': '5xx, gateway-error,429,500-503',
    'retry.linkerd.io/grpc': 'cancelled,unavailable',
    'retry.linkerd.io/limit': '2',
    'retry.linkerd.io/timeout': '100ms',
    'policy.tulle.dev/allow-l5d-request-headers': 'true',
    'hedge.tulle.dev/after': '50ms',
    'override.tulle.dev/to': 'web-v2, cart.shop',
    'hedge.tulle.dev/limit': '2',
    'hedge.tulle.dev/budget': '0.05',
    'tracing.tulle.dev/sample-rate': '0.001',
  });
  expect(settings).toEqual({
    accrual: {
      kind: 'unified',
      maxFailures: 3,
      backoff: { minMs: 2000, maxMs: 4000, jitterRatio: 1.5, honorRetryAfter: true },
      minReady: 2,
      successRate: 0.5,
      windowMs: 60_000,
      minRequests: 9,
    },
    loadBiaser: { penaltyMs: 1000, maxRetryAfterMs: 300_000 },
    timeouts: { requestMs: 3000, responseMs: 2000, idleMs: 1000 },
    httpRetry: {
      limit: 2,
      timeoutMs: 100,
      conditions: [
        { start: 500, end: 599 },
        { start: 502, end: 504 },
        { start: 429, end: 429 },
        { start: 500, end: 503 },
      ],
    },
    grpcRetry: { limit: 2, timeoutMs: 100, conditions: ['cancelled', 'unavailable'] },
    allowsRequestHeaders: true,
    overrides: [{ name: 'web-v2' }, { name: 'cart', namespace: 'shop' }],
    hedge: { afterMs: 50, limit: 2, budgetRatio: 0.05 },
    traceSampleRate: 0.001,
  });
});

const affinity = 'balancer.tulle.dev/affinity';
const zones = 'balancer.tulle.dev/zones';

test.each([
  ['header:X-User', { kind: 'header', name: 'x-user' }],
  ['cookie:session', { kind: 'cookie', name: 'session' }],
  ['cookie:session; ttl=1h; path=/shop', { kind: 'cookie', name: 'session', ttlMs: 3_600_000, path: '/shop' }],
  ['cookie:session;ttl=0', { kind: 'cookie', name: 'session', ttlMs: 0 }],
  ['query:user', { kind: 'query', name: 'user' }],
  [' source-ip', { kind: 'source' }],
])('affinity %s', (text, key) => {
  expect(trafficSettings({ [affinity]: text }).affinity).toEqual({ key });
  expect(trafficSettings({ [affinity]: text, [`${affinity}-max-load`]: '1.25' }).affinity).toEqual({
    key,
    maxLoad: 1.25,
  });
});

test('zones are preferred up to a load of two requests, or what is said', () => {
  expect(trafficSettings({ [zones]: 'prefer' }).zones).toEqual({ maxLoad: 2 });
  expect(trafficSettings({ [zones]: 'prefer', [`${zones}-max-load`]: '20' }).zones).toEqual({ maxLoad: 20 });
});

test.each([
  '',
  'header',
  'header:',
  'header:a b',
  'header:connection',
  'header:host',
  'header:l5d-dst-override',
  `header:${'x'.repeat(300)}`,
  'cookie:',
  'cookie:a=b',
  'cookie:session;path=/',
  'cookie:session;ttl=soon',
  'cookie:session;ttl=401d',
  'cookie:session;ttl=1h;ttl=2h',
  'cookie:session;ttl=1h;path=shop',
  'cookie:session;ttl=1h;path=/\r\nx: y',
  'cookie:session;ttl=1h;secure',
  'query:',
  'query:a=b',
  'source-ip:x',
  'user',
])('affinity %j is complained of, and there is none', (text) => {
  const complaints: string[] = [];
  const complain = (annotation: string, _: string, rule: string) => complaints.push(`${annotation} ${rule}`);
  expect(trafficSettings({ [affinity]: text }, complain).affinity).toBeUndefined();
  expect(complaints).toEqual([expect.stringMatching(/^balancer.tulle.dev\/affinity must be 'header:<name>', /)]);
});

test.each([
  [{ [affinity]: 'source-ip', [`${affinity}-max-load`]: '0.9' }, `${affinity}-max-load`],
  [{ [`${affinity}-max-load`]: '2' }, `${affinity}-max-load`],
  [{ [zones]: 'a,b' }, zones],
  [{ [zones]: 'prefer', [`${zones}-max-load`]: '0' }, `${zones}-max-load`],
  [{ [`${zones}-max-load`]: '2' }, `${zones}-max-load`],
  [{ [accrual]: 'sometimes' }, accrual],
  [{ [accrual]: 'consecutive', [minReady]: 'most' }, minReady],
  [{ [accrual]: 'unified', [minReady]: '0.5' }, minReady],
  [{ [accrual]: 'consecutive', [`${accrual}-consecutive-jitter-ratio`]: '101' }, `${accrual}-consecutive-jitter-ratio`],
  [
    {
      [accrual]: 'consecutive',
      [`${accrual}-consecutive-min-penalty`]: '2s',
      [`${accrual}-consecutive-max-penalty`]: '1s',
    },
    `${accrual}-consecutive-min-penalty`,
  ],
  [
    { [accrual]: 'unified', [`${alpha}/failure-accrual-success-rate-window`]: '9ms' },
    `${alpha}/failure-accrual-success-rate-window`,
  ],
  [{ 'timeout.linkerd.io/idle': 'long' }, 'timeout.linkerd.io/idle'],
  [{ 'policy.tulle.dev/allow-l5d-request-headers': 'yes' }, 'policy.tulle.dev/allow-l5d-request-headers'],
  [{ 'override.tulle.dev/to': '' }, 'override.tulle.dev/to'],
  [{ 'override.tulle.dev/to': 'web-v2,,web-v3' }, 'override.tulle.dev/to'],
  [{ 'override.tulle.dev/to': 'web-v2.shop.svc' }, 'override.tulle.dev/to'],
  [{ 'override.tulle.dev/to': 'Web' }, 'override.tulle.dev/to'],
  [{ 'override.tulle.dev/to': 'a,'.repeat(40) }, 'override.tulle.dev/to'],
  [{ 'hedge.tulle.dev/after': '0' }, 'hedge.tulle.dev/after'],
  [{ 'hedge.tulle.dev/after': '2h' }, 'hedge.tulle.dev/after'],
  [{ 'hedge.tulle.dev/limit': '1' }, 'hedge.tulle.dev/after'],
  [{ 'hedge.tulle.dev/after': '1s', 'hedge.tulle.dev/limit': '5' }, 'hedge.tulle.dev/limit'],
  [{ 'hedge.tulle.dev/after': '1s', 'hedge.tulle.dev/budget': '0' }, 'hedge.tulle.dev/budget'],
  [{ 'hedge.tulle.dev/after': '1s', 'hedge.tulle.dev/budget': '1.1' }, 'hedge.tulle.dev/budget'],
  [{ 'retry.linkerd.io/http': '600' }, 'retry.linkerd.io/http'],
  [{ 'retry.linkerd.io/http': '504-500' }, 'retry.linkerd.io/http'],
  [{ 'retry.linkerd.io/grpc': 'ok' }, 'retry.linkerd.io/grpc'],
  [{ 'tulle.dev/backends': 'by-name' }, 'tulle.dev/backends'],
  [{ 'tulle.dev/failover-below': '50%' }, 'tulle.dev/failover-below'],
  ...['50', '0%', '101%', '-5%', '1/2', ''].map((below): [object, string] => [
    { 'tulle.dev/backends': 'in-order', 'tulle.dev/failover-below': below },
    'tulle.dev/failover-below',
  ]),
])('%j is complained of, and its group is as if it were not there', (annotations, wrong) => {
  const complaints: string[] = [];
  const settings = trafficSettings(annotations as Record<string, string>, (annotation) => complaints.push(annotation));
  expect(complaints).toEqual([wrong]);
  expect(settings).toEqual(nothing);
});

test.each(['', '1.1', '-1', '1e-3', '5%', 'all', 'NaN', ' 1'])(
  'a trace of %j of the requests is none, and told',
  (text) => {
    const told: string[] = [];
    const { traceSampleRate, hedge } = trafficSettings(
      { 'tracing.tulle.dev/sample-rate': text, 'hedge.tulle.dev/after': '1ms' },
      (...complaint) => told.push(complaint.join(' ')),
    );
    expect([traceSampleRate, hedge?.afterMs]).toEqual([undefined, 1]);
    expect(told).toEqual([`tracing.tulle.dev/sample-rate ${text} must be a number from 0 to 1`]);
  },
);
