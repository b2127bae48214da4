import { describe, expect, test } from 'vitest';
import { destinationPerTest, told, webPath } from './destination-per-test.ts';
import { service } from './testing.ts';

const destination = destinationPerTest();
const { put } = destination;

describe('a ServiceProfile', () => {
  const profile = (spec: object, inNamespace = 'shop') => ({
    apiVersion: 'linkerd.io/v1alpha2',
    kind: 'ServiceProfile',
    metadata: { name: 'web.shop.svc.cluster.local', namespace: inNamespace },
    spec,
  });
  const ref = (inNamespace: string) => ({
    resource: {
      group: 'linkerd.io',
      kind: 'ServiceProfile',
      name: 'web.shop.svc.cluster.local',
      namespace: inNamespace,
    },
  });

  test('gives routes, classes, timeouts, budget, split and opaque ports', async () => {
    put(
      service(),
      profile({
        routes: [
          {
            name: 'GET /books/{id}',
            condition: { method: 'get', pathRegex: '/books/[^/]*' },
            isRetryable: true,
            timeout: '1m1.5s',
            responseClasses: [
              {
                condition: { any: [{ status: { min: 500, max: 599 } }, { not: { status: { max: 200 } } }] },
                isFailure: true,
              },
            ],
          },
          { name: 'purge', condition: { all: [{ method: 'PURGE' }, { not: { pathRegex: '/(?P<a>x)' } }] } },
        ],
        retryBudget: { retryRatio: 0.5, minRetriesPerSecond: 5, ttl: '500ms' },
        dstOverrides: [
          { authority: 'a.shop.svc.cluster.local:80', weight: '500m' },
          { authority: 'b.shop.svc.cluster.local:80', weight: 1 },
        ],
        opaquePorts: ['80'],
      }),
    );
    const seen = destination.getProfile(webPath);
    await told(seen, 1);
    expect(seen.messages[0]).toMatchObject({
      opaqueProtocol: true,
      profileRef: ref('shop'),
      retryBudget: { retryRatio: 0.5, minRetriesPerSecond: 5, ttl: '0.500s' },
      dstOverrides: [
        { authority: 'a.shop.svc.cluster.local:80', weight: 5000 },
        { authority: 'b.shop.svc.cluster.local:80', weight: 10_000 },
      ],
      routes: [
        {
          condition: { all: { matches: [{ method: { registered: 'GET' } }, { path: { regex: '/books/[^/]*' } }] } },
          metricsLabels: { route: 'GET /books/{id}' },
          isRetryable: true,
          timeout: '61.500s',
          responseClasses: [
            {
              condition: {
                any: { matches: [{ status: { min: 500, max: 599 } }, { not: { status: { max: 200 } } }] },
              },
              isFailure: true,
            },
          ],
        },
        {
          condition: {
            all: {
              matches: [{ method: { unregistered: 'PURGE' } }, { not: { path: { regex: '/(?P<a>x)' } } }],
            },
          },
          metricsLabels: { route: 'purge' },
        },
      ],
    });
    expect(destination.logged()).toEqual([]);
  });

  test('in the namespace of the client comes before one in that of the Service', async () => {
    put(service(), profile({}));
    const mine = destination.getProfile(webPath, { ns: 'client' });
    const other = destination.getProfile('10.96.0.10:80', { ns: 'other' });
    await told(mine, 1);
    await told(other, 1);
    expect(mine.messages[0]).toMatchObject({ profileRef: ref('shop') });
    put(profile({}, 'client'));
    await told(mine, 2);
    expect(mine.messages[1]).toMatchObject({ profileRef: ref('client') });
    destination.delete(profile({}, 'client'), profile({}));
    await told(mine, 3);
    expect(mine.messages[2]).not.toHaveProperty('profileRef');
    await told(other, 2);
  });

  test('is used but for its bad parts, which are reported once', async () => {
    put(
      service(),
      profile({
        routes: [
          { name: 'nothing', condition: {} },
          { name: 'regex', condition: { pathRegex: '/(' } },
          {
            name: 'good',
            condition: { pathRegex: '/good' },
            timeout: 'soon',
            responseClasses: [
              { condition: { status: { min: 599, max: 500 } } },
              { condition: { status: { min: 500, max: 500 } }, isFailure: true },
            ],
          },
        ],
        retryBudget: { retryRatio: 0.5, minRetriesPerSecond: 5, ttl: '-1s' },
        dstOverrides: [
          { authority: 'a.shop.svc.cluster.local:80', weight: '1' },
          { authority: 'b.shop.svc.cluster.local:80', weight: 'half' },
        ],
        opaquePorts: ['80-'],
      }),
    );
    const seen = destination.getProfile(webPath);
    await told(seen, 1);
    const again = destination.getProfile(webPath, { ns: 'client' });
    await told(again, 1);
    expect(seen.messages[0]).toMatchObject({
      retryBudget: { minRetriesPerSecond: 10, retryRatio: expect.closeTo(0.2), ttl: '10s' },
      routes: [
        {
          metricsLabels: { route: 'good' },
          responseClasses: [{ condition: { status: { min: 500, max: 500 } }, isFailure: true }],
        },
      ],
    });
    expect(seen.messages[0]).not.toHaveProperty('dstOverrides');
    expect(seen.messages[0]).not.toHaveProperty('opaqueProtocol');
    expect((seen.messages[0] as { routes: object[] }).routes[0]).not.toHaveProperty('timeout');
    const problems = destination
      .logged()
      .map((line) => JSON.parse(line) as { serviceProfile: string; problem: string });
    expect(new Set(problems.map(({ serviceProfile }) => serviceProfile))).toEqual(
      new Set(['shop/web.shop.svc.cluster.local']),
    );
    expect(problems.map(({ problem }) => problem)).toEqual([
      'spec.routes[0].condition must have one of pathRegex, method, all, any, not',
      expect.stringContaining('spec.routes[1].condition.pathRegex (/() is no regular expression'),
      'spec.routes[2].responseClasses[0].condition.status (599-500) must not end before it begins',
      'spec.routes[2].timeout (soon) must be a duration such as 300ms or 1m30s',
      'spec.retryBudget.ttl (-1s) must be a duration such as 300ms or 1m30s',
      'spec.dstOverrides[1].weight (half) must be a quantity such as 500m or 1',
      'spec.opaquePorts (80-) must be ports, ranges or names',
    ]);
  });
});
