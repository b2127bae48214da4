import { expect, it } from 'vitest';
import { MeshModel } from './mesh-model.ts';

const namespace = (annotations: object) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', annotations },
});
const workload = (name: string, annotations: object, containers: unknown = [{ name, image: name, ports: null }]) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'shop' },
  spec: { template: { metadata: { annotations }, spec: { containers } } },
});
const enabled = { 'tulle.dev/inject': 'enabled' };

it.each<[string, object, string[]]>([
  ['is right', { ...enabled, 'config.tulle.dev/opaque-ports': '5432' }, []],
  ['has no annotations', {}, []],
  ['is of nobody', { 'example.com/inject': 'no', 'config.linkerd.io/unknown': '1' }, []],
  [
    'has a word that nobody knows',
    { 'tulle.dev/inject': 'yes' },
    ['["tulle.dev/inject"] \'yes\' must be one of enabled, ingress, explicit, disabled'],
  ],
  [
    'has a value that cannot be read',
    { 'config.tulle.dev/opaque-ports': 'x:y', 'config.linkerd.io/proxy-cpu-request': 'much' },
    [
      '["config.tulle.dev/opaque-ports"] \'x:y\' must be ports, ranges and names of container ports such as 25,4000-4100,mysql',
      '["config.linkerd.io/proxy-cpu-request"] \'much\' must be a CPU quantity such as 100m or 1.5',
    ],
  ],
  [
    'has a name that nobody knows',
    { 'config.tulle.dev/opaque-prts': '1' },
    ['["config.tulle.dev/opaque-prts"] is not a setting of the sidecar'],
  ],
  [
    'has what pods do not take from it',
    { 'config.tulle.dev/enable-gateway': 'true' },
    ['["config.tulle.dev/enable-gateway"] is nothing that pods take from their namespace: give it to its workloads'],
  ],
])('a namespace that %s is told once, whether workloads stand in it or not', (_, annotations, told) => {
  const wanted = told.map((problem) => `Namespace shop: metadata.annotations${problem}`);
  for (const workloads of [[], [workload('web', enabled), workload('orders', enabled)]]) {
    expect(MeshModel.fromObjects([namespace(annotations), ...workloads]).problems).toEqual(wanted);
  }
});

it('a workload with a word that nobody knows is told, and so is one whose pods cannot be read', () => {
  const model = MeshModel.fromObjects([workload('web', { 'tulle.dev/inject': 'on' }), workload('torn', enabled, {})]);
  expect(model.problems).toEqual([
    'Deployment shop/web: spec.template.metadata.annotations["tulle.dev/inject"] \'on\' must be one of enabled, ingress, explicit, disabled',
    'Deployment shop/torn: spec.template.spec.containers must be a list',
  ]);
});
