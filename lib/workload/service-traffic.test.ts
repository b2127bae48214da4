import { ApiObject, App, Chart, Duration } from 'cdk8s';
import { Service } from 'cdk8s-plus-27';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MeshModel } from '../../model/mesh-model.ts';
import { trafficSettings } from '../contract/traffic-annotations.ts';
import { CircuitBreaker, MeshedDeployment, MeshWarnings, RetryOn } from '../index.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

let app: App;
let chart: Chart;
let orders: MeshedDeployment;
beforeEach(() => {
  app = new App();
  chart = new Chart(app, 'shop', { namespace: 'shop' });
  orders = new MeshedDeployment(chart, 'orders', { containers: [{ image: 'orders', portNumber: 8080 }] });
});

/** What the annotations of a Service tell the control plane; it complains of none. */
function settings(service: Service) {
  app.synthYaml();
  const problems: string[] = [];
  const read = trafficSettings(ApiObject.of(service).toJson().metadata.annotations, (name) => problems.push(name));
  expect(problems).toEqual([]);
  return read;
}

it('says on the Services of a workload how its requests are tried', () => {
  const service = orders.exposeViaService({ name: 'orders' });
  const web = new MeshedDeployment(chart, 'web', { metadata: { name: 'web' }, containers: [{ image: 'web' }] });
  orders.mesh
    .retries({ on: RetryOn.serverError().or(RetryOn.grpc('unavailable')), limit: 2, timeout: Duration.millis(200) })
    .timeouts({ request: Duration.seconds(2), response: Duration.seconds(1), idle: Duration.millis(500) })
    .circuitBreaker();
  expect(settings(service)).toMatchObject({
    httpRetry: { limit: 2, timeoutMs: 200, conditions: [{ start: 500, end: 599 }] },
    grpcRetry: { limit: 2, timeoutMs: 200, conditions: ['unavailable'] },
    timeouts: { requestMs: 2000, responseMs: 1000, idleMs: 500 },
    accrual: { kind: 'consecutive', maxFailures: 7 },
  });
  expect(MeshModel.of(app).call({ from: web, to: 'http://orders:8080/' })).toMatchObject({
    retries: 2,
    timeoutMs: 2000,
  });
});

it('says it on each Service of the app that leads to it, wherever it was made, and on no other', () => {
  const elsewhere = new Chart(app, 'services', { namespace: 'shop' });
  const own = new Service(elsewhere, 'orders', { selector: orders, ports: [{ port: 80 }] });
  const other = new Service(elsewhere, 'other', { ports: [{ port: 80 }] });
  orders.mesh.retries({ limit: 3 });
  expect(settings(own).httpRetry).toMatchObject({ limit: 3, conditions: [{ start: 500, end: 599 }] });
  expect(settings(other).httpRetry).toBeUndefined();
});

it.each([
  [CircuitBreaker.consecutiveFailures({ maxFailures: 3 }), { kind: 'consecutive', maxFailures: 3 }],
  [
    CircuitBreaker.consecutiveFailures({
      minPenalty: Duration.millis(100),
      maxPenalty: Duration.seconds(3),
      jitterRatio: 0.25,
      minReadyEndpoints: 2,
    }),
    { backoff: { minMs: 100, maxMs: 3000, jitterRatio: 0.25 }, minReady: 2 },
  ],
  [
    CircuitBreaker.successRate({ threshold: 0.95, window: Duration.seconds(30), minRequests: 20, maxFailures: 50 }),
    { kind: 'unified', successRate: 0.95, windowMs: 30_000, minRequests: 20, maxFailures: 50 },
  ],
  [CircuitBreaker.successRate(), { kind: 'unified', successRate: 0.8, windowMs: 10_000, minRequests: 5 }],
])('breaks circuits as it is said: %o', (breaker, accrual) => {
  const service = orders.exposeViaService();
  orders.mesh.circuitBreaker(breaker);
  expect(settings(service).accrual).toMatchObject(accrual);
});

it('warns where no Service tells anybody', () => {
  orders.mesh.retries({ limit: 2 });
  app.synthYaml();
  expect(MeshWarnings.of(app)).toEqual([
    {
      path: 'shop/orders/Resource',
      code: 'TULLE_NO_SERVICE',
      message: expect.stringContaining('say exposeViaService()'),
    },
  ]);
});

it('fails where a Service would have to say two things', () => {
  const service = orders.exposeViaService();
  service.metadata.addAnnotation('retry.linkerd.io/limit', '5');
  orders.mesh.retries({ limit: 2 });
  expect(() => app.synthYaml()).toThrow(
    "[shop/orders/Service/Resource] retry.linkerd.io/limit ('5' by its own annotation) is to be '2' by shop/orders/Resource: say it once",
  );
});

it('fails where two workloads behind one Service want it to', () => {
  const podMetadata = { labels: { app: 'orders' } };
  const [one, two] = ['one', 'two'].map(
    (name) => new MeshedDeployment(chart, name, { podMetadata, containers: [{ image: name, portNumber: 80 }] }),
  );
  new ApiObject(chart, 'service', {
    apiVersion: 'v1',
    kind: 'Service',
    spec: { selector: { app: 'orders' }, ports: [{ port: 80 }] },
  });
  one.mesh.timeouts({ request: Duration.seconds(1) });
  two.mesh.timeouts({ request: Duration.seconds(1) });
  app.synthYaml();
  one.mesh.retries({ limit: 1 });
  two.mesh.retries({ limit: 2 });
  expect(() => app.synthYaml()).toThrow("('1' by shop/one/Resource) is to be '2' by shop/two/Resource");
});

describe('refuses, where it is said, ', () => {
  const ms = Duration.millis;
  it.each<[string, () => unknown, string]>([
    [
      'no retries',
      () => orders.mesh.retries({}),
      "'retries' () must say something: { on: RetryOn.gatewayError(), limit: 2 }",
    ],
    ['0 tries', () => orders.mesh.retries({ limit: 0 }), "'limit' (0) must be a whole number from 1 to 65535"],
    ['no time', () => orders.mesh.retries({ timeout: ms(0) }), "'timeout' (0 ms) must be at least a millisecond"],
    [
      'half a millisecond',
      () => orders.mesh.retries({ timeout: ms(0.5) }),
      "'timeout' (0.5 ms) must be at least a millisecond, in whole milliseconds",
    ],
    ['no timeouts', () => orders.mesh.timeouts({}), "'timeouts' () must say something"],
    [
      'a part longer than the whole',
      () => orders.mesh.timeouts({ request: ms(10), response: ms(20) }),
      "'response' (20ms) must not be longer than 'request' (10ms), which ends first",
    ],
    [
      'a try longer than all of them',
      () => orders.mesh.timeouts({ request: ms(10) }).retries({ timeout: ms(20) }),
      "shop/orders: 'timeout' of retries (20ms) must not be longer than 'request' of timeouts (10ms)",
    ],
    [
      'two words',
      () => orders.mesh.retries({ limit: 1 }).retries({ limit: 1 }),
      "shop/orders: 'retries' has been said",
    ],
    [
      'a fraction of a failure',
      () => CircuitBreaker.consecutiveFailures({ maxFailures: 0.5 }),
      "'maxFailures' (0.5) must be a whole number from 0 to 4294967295",
    ],
    [
      'a penalty that shrinks',
      () => CircuitBreaker.consecutiveFailures({ minPenalty: Duration.minutes(2) }),
      "'minPenalty' (120000ms) must not be longer than 'maxPenalty' (60000ms)",
    ],
    [
      'no penalty',
      () => CircuitBreaker.consecutiveFailures({ maxPenalty: ms(0) }),
      "'maxPenalty' (0ms) must be more than 0",
    ],
    [
      'a rate above all',
      () => CircuitBreaker.successRate({ threshold: 1.5 }),
      "'threshold' (1.5) must be a number from 0 to 1",
    ],
    [
      'a rate that is none',
      () => CircuitBreaker.successRate({ threshold: 1e-9 }),
      "'threshold' (1e-9) must be a number",
    ],
    ['no window', () => CircuitBreaker.successRate({ window: ms(9) }), "'window' (9ms) must be at least 10ms"],
    [
      'no requests',
      () => CircuitBreaker.successRate({ minRequests: 0 }),
      "'minRequests' (0) must be a whole number from 1",
    ],
    [
      'too much chance',
      () => CircuitBreaker.successRate({ jitterRatio: 101 }),
      "'jitterRatio' (101) must be a number from 0",
    ],
  ])('%s', (_, say, message) => {
    expect(say).toThrow(message);
  });
});
