import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { InjectorMetrics } from './injector-metrics.ts';
import { admit } from './testing/admit.ts';

const pod = (annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: 'shop',
    annotations,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }],
  },
  spec: { containers: [{ name: 'web' }] },
});

it('counts what came and what became of it, with the labels of Linkerd but for the values of annotations', async () => {
  const registry = new Registry();
  const metrics = new InjectorMetrics(registry);
  await admit(pod({ 'tulle.dev/inject': 'enabled', 'config.tulle.dev/proxy-cpu-limit': '1' }), { metrics });
  await admit(pod(), { metrics });
  const lines = (await registry.metrics()).split('\n');
  expect(lines).toContain(
    'proxy_inject_admission_requests_total{owner_kind="deployment",namespace="shop",annotation_at="workload"} 1',
  );
  expect(lines).toContain(
    'proxy_inject_admission_responses_total{owner_kind="deployment",namespace="shop",annotation_at="workload",skip="false",skip_reason=""} 1',
  );
  expect(lines).toContain(
    'proxy_inject_admission_responses_total{owner_kind="deployment",namespace="shop",annotation_at="",skip="true",skip_reason="injection_enable_annotation_absent"} 1',
  );
  expect(lines).toContain('proxy_inject_admission_settings_total{setting="proxy-cpu-limit"} 1');
});

it('has a bounded number of series, however many namespaces there have been', async () => {
  const registry = new Registry();
  const metrics = new InjectorMetrics(registry);
  for (let index = 0; index < 2100; index++) {
    metrics.request({ ownerKind: '', namespace: { name: `n-${index}` }, object: undefined });
  }
  const text = await registry.metrics();
  expect(text).toContain('proxy_inject_admission_requests_total{namespace="other"} 100');
  expect(text.split('\n').length).toBeLessThan(2020);
});
