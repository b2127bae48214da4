import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { InjectorMetrics } from '../../control-plane/injector/injector-metrics.ts';
import { admit } from '../../control-plane/injector/testing/admit.ts';
import { settings } from '../../lib/inject/annotations.ts';
import { vector } from './vector.ts';

vector(
  {
    who: 'net',
    attack: 'reads what the injector tells of others: metrics and events after pods with secrets in every setting',
    promise: 'names of settings and of namespaces stand there, and no value that a tenant wrote',
  },
  async () => {
    const registry = new Registry();
    const metrics = new InjectorMetrics(registry);
    const secret = 'hunter2';
    const told: unknown[] = [];
    for (const value of [secret, `[{"name":"PASSWORD","value":"${secret}"}]`]) {
      const annotations = Object.fromEntries(settings.map(({ keys }) => [keys[0], value]));
      for (const inject of ['enabled', secret]) {
        const { events } = await admit(
          {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: {
              name: 'web',
              namespace: 'shop',
              annotations: { ...annotations, 'tulle.dev/inject': inject },
              ownerReferences: [{ apiVersion: 'example.com/v1', kind: `Kind${secret}`, name: 'web', controller: true }],
            },
            spec: { containers: [{ name: 'web', image: 'web' }] },
          },
          { metrics },
        );
        told.push(...events.map(({ event }) => event));
      }
    }
    const text = await registry.metrics();
    expect(text).toContain('setting="proxy-additional-env"');
    expect(text).not.toContain(secret);
    expect(JSON.stringify(told)).not.toContain(secret);
  },
);
