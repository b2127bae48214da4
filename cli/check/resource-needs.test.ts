import { expect, it } from 'vitest';
import { injectConfig, injectPod, type Manifest, type PodTemplate } from '../../lib/inject/index.ts';
import { type AskedResources, blindAutoscalers, refusingQuotas } from './resource-needs.ts';

const config = injectConfig();
const asked = { 'tulle.dev/inject': 'enabled' };
const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } };

/** As it runs, of a Deployment. */
function meshed(name: string, appResources: object = resources, annotations: Record<string, string> = {}): PodTemplate {
  const given = {
    metadata: { name: `${name}-1`, namespace: 'shop', annotations: { ...asked, ...annotations } },
    spec: { containers: [{ name: 'app', image: 'app', resources: appResources }] },
  };
  return injectPod(given, config, { owner: { kind: 'Deployment', name } }).pod;
}
const object = (spec: Manifest['spec'], namespace = 'shop'): Manifest => ({
  metadata: { name: 'it', namespace },
  spec,
});
const limits = object({ hard: { 'limits.cpu': '10', pods: '10' } });
const cpuOf = (name: string) => object({ scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } });

const found = (given: Partial<AskedResources>): AskedResources => ({
  ...{ autoscalers: [], quotas: [], limitRanges: [], meshed: [], namespaces: [] },
  ...given,
});

it('an autoscaler is named with the container of its pods that asks for nothing, each once', () => {
  const pods = [meshed('web', {}), meshed('web', {}), meshed('orders')];
  expect(
    blindAutoscalers(found({ autoscalers: [cpuOf('web'), cpuOf('orders'), cpuOf('none')], meshed: pods })),
  ).toEqual(['autoscaler shop/it scales nothing, for want of requests.cpu in app of deployment/web']);
});

it('a quota on limits is named in a namespace that asks for sidecars, though none of its pods could be made', () => {
  const namespaces = [{ name: 'shop', annotations: asked }];
  expect(refusingQuotas(found({ quotas: [limits], namespaces }), config)).toEqual([
    'quota shop/it refuses new pods with a sidecar, for want of limits.cpu in tulle-init, tulle-proxy',
  ]);
});

it('a quota is named for the pods that are there, in a namespace that asks for nothing', () => {
  const namespaces = [{ name: 'shop' }];
  expect(refusingQuotas(found({ quotas: [limits], namespaces, meshed: [meshed('web')] }), config)).toEqual([
    'quota shop/it refuses new pods with a sidecar, for want of limits.cpu in tulle-init, tulle-proxy',
  ]);
});

it.each([
  ['the namespace limits its sidecars', { annotations: { ...asked, 'config.tulle.dev/proxy-cpu-limit': '1' } }, {}],
  [
    'a LimitRange has a default',
    { annotations: asked },
    { limitRanges: [object({ limits: [{ type: 'Container', default: { cpu: '1' } }] })] },
  ],
  ['nobody is meshed', {}, {}],
  ['it is on requests', { annotations: asked }, { quotas: [object({ hard: { 'requests.cpu': '1', memory: '1Gi' } })] }],
  ['it is another namespace’s', { annotations: asked }, { quotas: [object(limits.spec, 'bank')] }],
] as [string, object, Partial<AskedResources>][])('a quota is content where %s', (_, namespace, more) => {
  expect(
    refusingQuotas(found({ quotas: [limits], namespaces: [{ name: 'shop', ...namespace }], ...more }), config),
  ).toEqual([]);
});
