import { App, Chart, Testing } from 'cdk8s';
import { expect, it } from 'vitest';
import { Mesh } from '../../lib/index.ts';
import type { Manifest } from '../../lib/inject/index.ts';
import { clusterObjects, componentObjects } from './mesh-objects.ts';

it('every kind that an install brings is looked for, so that none is left behind', async () => {
  const chart = new Chart(new App(), 'tulle');
  const components = { destination: { autoscaling: { maxReplicas: 6 } } };
  new Mesh(chart, 'mesh', { highAvailability: true, networkPolicies: true, tap: true, components });
  const asked: string[] = [];
  const api = {
    get: <T>(path: string) => {
      asked.push(path);
      const items = [{ metadata: { name: 'x' } }];
      return Promise.resolve({ metadata: {}, items } as T);
    },
  };
  const found = [...(await clusterObjects(api, 'tulle')), ...(await componentObjects(api, 'tulle'))];
  const kinds = new Set(found.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`));
  const installed = new Set(
    (Testing.synth(chart) as Manifest[]).map(({ apiVersion, kind }) => `${apiVersion} ${kind}`),
  );
  // Its ConfigMap goes with the namespace.
  installed.delete('v1 ConfigMap');
  expect([...kinds].sort()).toEqual([...installed].sort());
  expect(asked).toContain('/apis/networking.k8s.io/v1/networkpolicies');
});
