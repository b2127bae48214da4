import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { connectToCluster } from '../../../control-plane/kubernetes/connect.ts';
import { EventRecorder } from '../../../control-plane/kubernetes/events.ts';
import { LeaderElection } from '../../../control-plane/kubernetes/leader-election.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';

describe.skipIf(apiServerMissing)(`writers${apiServerMissing ? ` (${apiServerMissing})` : ''}`, () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer();
  }, 120_000);
  afterAll(() => server?.stop());

  test('of five candidates at once one leads, and when it stops another does', async () => {
    const elected: string[] = [];
    const candidates = ['a', 'b', 'c', 'd', 'e'].map(
      (identity) =>
        new LeaderElection({
          api: server.client,
          namespace: 'default',
          name: 'writer',
          identity,
          onElected: () => elected.push(identity),
          onLost: () => {},
          onProblem: () => {},
          now: () => performance.now(),
          date: () => new Date(),
          random: Math.random,
          leaseMs: 3000,
        }),
    );
    for (const candidate of candidates) candidate.start();
    await vi.waitFor(() => expect(elected).toHaveLength(1), 10_000);
    expect(candidates.filter(({ leading }) => leading)).toHaveLength(1);
    await candidates.find(({ leading }) => leading)?.stop();
    await vi.waitFor(() => expect(elected).toHaveLength(2), 10_000);
    expect(candidates.filter(({ leading }) => leading)).toHaveLength(1);
    await Promise.all(candidates.map((candidate) => candidate.stop()));
    const lease = await server.kubectl(['get', 'lease', 'writer', '-o', 'jsonpath={.spec.leaseTransitions}']);
    expect(Number(lease)).toBeGreaterThanOrEqual(1);
  });

  const problems: string[] = [];
  const recorder = (registry: Registry, burst?: number, api = server.client): EventRecorder =>
    new EventRecorder({
      api,
      component: 'tulle-test',
      registry,
      onProblem: (message) => problems.push(message),
      now: Date.now,
      random: Math.random,
      burst,
      perSecond: 0,
      repeatMs: 200,
    });
  const subject = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'thing' };
  const counts = async (registry: Registry): Promise<Record<string, number>> => {
    const [{ values }] = await registry.getMetricsAsJSON();
    return Object.fromEntries(values.map(({ labels, value }) => [labels['result'], value]));
  };

  test('an event stands on its object, and repetitions are counted on it', async () => {
    const registry = new Registry();
    const events = recorder(registry);
    for (let time = 0; time < 5; time++) {
      events.record(subject, { type: 'Warning', reason: 'IssuerExpires', message: 'the issuer ends in 2 hours' });
    }
    const read = async (): Promise<string> =>
      server.kubectl([
        'get',
        'events',
        '-o',
        'jsonpath={range .items[*]}{.reason} {.type} {.count} {.source.component};{end}',
      ]);
    await vi.waitFor(async () => expect(await read()).toBe('IssuerExpires Warning 5 tulle-test;'), {
      timeout: 20_000,
      interval: 500,
    });
    expect(await counts(registry)).toEqual({ written: 1, repeated: 4 });
    events.close();
  });

  test('events beyond the limit are dropped and counted', async () => {
    const registry = new Registry();
    const events = recorder(registry, 3);
    for (let time = 0; time < 10; time++)
      events.record(
        { ...subject, name: `n${time}` },
        { type: 'Normal', reason: 'Injected', message: 'x'.repeat(5000) },
      );
    await vi.waitFor(async () => expect(await counts(registry)).toEqual({ written: 3, dropped: 7 }), 5000);
    events.close();
  });

  test('a component that may not write events goes on, and counts them', async () => {
    const registry = new Registry();
    const kubeconfig = server.kubeconfigFor({ token: await server.token('default', 'nobody') });
    const nobody = await connectToCluster({ kubeconfig, env: {}, onProblem: () => {} });
    const events = recorder(registry, 3, nobody);
    for (const message of ['by nobody', 'by nobody again'])
      events.record(subject, { type: 'Normal', reason: 'Injected', message });
    await vi.waitFor(async () => expect(await counts(registry)).toEqual({ failed: 2 }), 5000);
    expect(problems).toEqual([expect.stringContaining('cannot create resource "events"')]);
    events.close();
    nobody.close();
  });
});
