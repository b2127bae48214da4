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
function ofPod(spec: object) {
  return { template: { metadata: { annotations: { 'tulle.dev/inject': 'enabled' } }, spec } };
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

it.each([
  ['a text as its template', { template: 'x' }, 'spec.template', 'must be the template of a pod'],
  ['null as its specification', { template: { spec: null } }, 'spec.template', 'must be the template of a pod'],
  ['a map as its containers', ofPod({ containers: {} }), 'spec.template.spec.containers', 'must be a list'],
  ['nothing as a container', ofPod({ containers: [null] }), 'spec.template.spec.containers[0]', 'must be a map'],
  [
    'a number in its environment',
    ofPod({ containers: [{ name: 'a', env: [{ name: 'PORT', value: 8080 }] }] }),
    'spec.template.spec.containers[0].env[0].value',
    '(8080) must be a text',
  ],
  [
    'a text as its command',
    ofPod({ containers: [{ name: 'a', command: 'node x' }] }),
    'spec.template.spec.containers[0].command',
    '(node x) must be a list',
  ],
])('a workload with %s is told, and does not run', (_, spec, field, message) => {
  const { pods, problems } = plan([workload('Deployment', 'web', spec), workload('Deployment', 'other')]);
  expect(pods.map(({ name }) => name)).toEqual(['other-0']);
  expect(problems).toEqual([{ object: 'shop/deployment/web', field, message }]);
});

it('a pod with nothing in place of a field is as if the field were not there', () => {
  const ports = [{ containerPort: 8080, name: null }];
  const spec = ofPod({ initContainers: null, containers: [{ name: 'a', ports, env: null, command: null }] });
  const { pods, problems } = plan([workload('Deployment', 'web', spec)]);
  expect([pods.length, problems]).toEqual([1, []]);
});
