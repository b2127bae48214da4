import { expect, it } from 'vitest';
import { injectAnnotation } from '../contract/annotations.ts';
import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import { injectConfig } from './config.ts';
import type { Metadata } from './kubernetes.ts';
import { lacksSidecar, type PlacedPod } from './missing-sidecar.ts';

const enabled = { annotations: { [injectAnnotation]: 'enabled' } };
const pod = (phase: string, metadata = {}, spec = {}): PlacedPod => ({
  metadata: { name: 'web-1', namespace: 'shop', ...metadata },
  spec: { containers: [{ name: 'web', image: 'web' }], ...spec },
  status: { phase },
});

it.each<[string, boolean, PlacedPod, Metadata | undefined]>([
  ['that its namespace asks for', true, pod('Running'), enabled],
  ['that it asks for itself', true, pod('Pending', enabled), undefined],
  ['that nobody asks for', false, pod('Running'), {}],
  ['that it declines', false, pod('Running', { annotations: { [injectAnnotation]: 'disabled' } }), enabled],
  ['and has run to its end', false, pod('Succeeded'), enabled],
  ['which it has', false, pod('Running', {}, { initContainers: [{ name: 'tulle-proxy' }] }), enabled],
  ['as another mesh has given it', false, pod('Running', { labels: { [controlPlaneNamespaceLabel]: 'x' } }), enabled],
  ['that it cannot have', false, pod('Running', {}, { hostNetwork: true }), enabled],
])('a pod without a sidecar %s: lacking is %s', (_, lacking, given, namespace) => {
  expect(lacksSidecar(given, injectConfig(), namespace)).toBe(lacking);
});
