import { expect, it } from 'vitest';
import { injectConfig, type Manifest } from '../lib/inject/index.ts';
import { planPods } from './pod-plan.ts';
import type { LocalProblem } from './problem.ts';

const workload = (kind: string, name: string, extra: object = {}, annotations: Record<string, string> = {}): Manifest =>
  ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'shop' },
    spec: {
      template: {
        metadata: { annotations },
        spec: { containers: [{ name, command: ['node'], ports: [{ containerPort: 8080 }] }] },
      },
      ...extra,
    },
  }) as Manifest;

function plan(objects: Manifest[]) {
  const problems: LocalProblem[] = [];
  let last = 2;
  const pods = planPods(objects, injectConfig(), () => `127.77.0.${++last}`, problems);
  return { pods, problems };
}
const sidecar = (template: { spec?: { initContainers?: { name: string; env?: object[] }[] } }) =>
  template.spec?.initContainers?.find(({ name }) => name === 'tulle-proxy');

it('each replica is a pod with an address of its own', () => {
  const { pods, problems } = plan([workload('Deployment', 'web', { replicas: 2 }), workload('Pod', 'x')]);
  expect(pods.slice(0, 2).map(({ name, ip, object }) => [name, ip, object])).toEqual([
    ['web-0', '127.77.0.3', 'shop/deployment/web'],
    ['web-1', '127.77.0.4', 'shop/deployment/web'],
  ]);
  expect(problems).toEqual([]);
});

it.each(['enabled', 'explicit', 'ingress'])('a pod that asks for %s gets its sidecar in explicit mode', (mode) => {
  const settings = { 'tulle.dev/inject': mode, 'config.tulle.dev/default-inbound-policy': 'deny' };
  const [{ meshed, template }] = plan([workload('Deployment', 'web', {}, settings)]).pods;
  expect(meshed).toBe(true);
  const env = sidecar(template)?.env;
  expect(env).toContainEqual({ name: 'LINKERD2_PROXY_EXPLICIT_MODE', value: 'true' });
  expect(env).toContainEqual({ name: 'LINKERD2_PROXY_INBOUND_DEFAULT_POLICY', value: 'deny' });
  expect(template.spec?.initContainers?.map(({ name }) => name)).not.toContain('tulle-init');
});

it('a namespace’s word counts, and a workload that asks for none gets none', () => {
  const namespace: Manifest = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', annotations: { 'tulle.dev/inject': 'enabled' } },
  };
  const { pods } = plan([
    namespace,
    workload('Deployment', 'web'),
    workload('Deployment', 'plain', {}, { 'tulle.dev/inject': 'disabled' }),
  ]);
  expect(pods.map(({ meshed }) => meshed)).toEqual([true, false]);
});

it('jobs and workloads without a pod are told, the rest is planned', () => {
  const broken = { ...workload('Deployment', 'broken'), spec: {} };
  const { pods, problems } = plan([workload('Job', 'once'), broken, workload('StatefulSet', 'db')]);
  expect(pods.map(({ name }) => name)).toEqual(['db-0']);
  expect(problems.map(({ object, field }) => [object, field])).toEqual([
    ['shop/job/once', ''],
    ['shop/deployment/broken', 'spec.template'],
  ]);
});

it('the components of an install are left out', () => {
  const component = workload('Deployment', 'tulle-identity');
  component.metadata!.labels = { 'linkerd.io/control-plane-component': 'identity' };
  expect(plan([component]).pods).toEqual([]);
});
