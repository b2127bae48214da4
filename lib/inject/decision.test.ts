import { expect, it } from 'vitest';
import { injectConfig } from './config.ts';
import { decide } from './decision.ts';

const annotated = (value?: string, key = 'tulle.dev/inject') => ({
  annotations: value === undefined ? {} : { [key]: value },
});
const decision = (namespace?: string, pod?: string) =>
  decide({ metadata: annotated(pod), spec: { containers: [{ name: 'web' }] } }, annotated(namespace), injectConfig());
const skip = (...reasons: string[]) => ({ inject: false, reasons });
const neither = 'neither the namespace nor the pod have the annotation "tulle.dev/inject:enabled"';

it.each([
  [undefined, undefined, skip(neither)],
  ['disabled', undefined, skip(neither)],
  [undefined, 'enabled', { inject: true, mode: 'enabled' }],
  ['disabled', 'ingress', { inject: true, mode: 'ingress' }],
  ['enabled', undefined, { inject: true, mode: 'enabled' }],
  ['ingress', undefined, { inject: true, mode: 'ingress' }],
  ['explicit', undefined, { inject: true, mode: 'explicit' }],
  ['enabled', 'explicit', { inject: true, mode: 'explicit' }],
  ['enabled', 'disabled', skip('pod has the annotation "tulle.dev/inject:disabled"')],
  ['yes', undefined, skip('invalid value for annotation "tulle.dev/inject" at namespace')],
  ['yes', 'enabled', { inject: true, mode: 'enabled' }],
  ['enabled', 'yes', skip('invalid value for annotation "tulle.dev/inject" at workload')],
])('namespace %s, pod %s', (namespace, pod, expected) => {
  expect(decision(namespace, pod)).toEqual(expected);
});

it("obeys Linkerd's annotation only when the mesh is told to", () => {
  const pod = { metadata: annotated('enabled', 'linkerd.io/inject'), spec: {} };
  expect(decide(pod, undefined, injectConfig())).toEqual(skip(neither));
  expect(decide(pod, undefined, injectConfig({ compat: 'linkerd' }))).toEqual({ inject: true, mode: 'enabled' });
});

it('leaves pods alone that have a sidecar or the network of their node, and gives every reason', () => {
  const pod = {
    metadata: annotated('disabled'),
    spec: { hostNetwork: true, containers: [{ name: 'web' }], initContainers: [{ name: 'istio-init' }] },
  };
  expect(decide(pod, undefined, injectConfig())).toEqual(
    skip(
      'hostNetwork is enabled',
      'pod has a sidecar injected already',
      'pod has the annotation "tulle.dev/inject:disabled"',
    ),
  );
});
