import { describe, inject } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import type { ClusterFacts } from './choose-cluster.ts';
import { Kubectl } from './kubectl.ts';
import { Machines } from './machines.ts';
import { installMesh } from './mesh.ts';

export { toolsImage } from './tools-image.ts';

export const images = {
  proxy: `tulle-proxy:${packageJson.version}`,
  controller: `tulle-controller:${packageJson.version}`,
  emojivoto: `tulle-emojivoto:${packageJson.version}`,
} as const;

/** A cluster with two nodes or more that has the images, as tests see it. */
export interface TestCluster {
  readonly kubectl: Kubectl;
  readonly kubeconfig: string;
  /** To stop nodes and programs with; undefined in a cluster of the user's. */
  readonly machines: Machines | undefined;
  /** Installs the mesh where that is still to be done, and waits until it is ready. For `beforeAll`. */
  readonly ensureMesh: () => Promise<void>;
}

/**
 * A suite that needs the cluster. Where there is none it is skipped, and named with the reason. Makes no connection
 * itself, so that the names of its tests are known without a cluster.
 */
export function describeOnCluster(name: string, body: (cluster: TestCluster) => void): void {
  const facts = inject('cluster');
  if (!facts.available) {
    describe.skip(`${name} (skipped: ${facts.reason})`, () => body(nowhere));
    return;
  }
  describe(name, () => body(asTestCluster(facts)));
}

/** A suite that stops machines or their programs, which only a cluster of our own allows. */
export function describeOnOwnCluster(
  name: string,
  body: (cluster: TestCluster & { readonly machines: Machines }) => void,
): void {
  const facts = inject('cluster');
  const reason = facts.available ? 'KUBECONFIG names a cluster that is not ours to break' : facts.reason;
  if (facts.available && facts.ownState !== undefined) {
    const machines = new Machines(facts.ownState);
    describe(name, () => body({ ...asTestCluster(facts), machines }));
    return;
  }
  describe.skip(`${name} (skipped: ${reason})`, () => body({ ...nowhere, machines: new Machines('') }));
}

function asTestCluster(facts: Extract<ClusterFacts, { available: true }>): TestCluster {
  const kubectl = new Kubectl(facts.kubectl, facts.kubeconfig);
  return {
    kubectl,
    kubeconfig: facts.kubeconfig,
    machines: facts.ownState === undefined ? undefined : new Machines(facts.ownState),
    ensureMesh: () => installMesh(kubectl, facts.images),
  };
}

const nowhere: TestCluster = asTestCluster({ available: true, kubectl: 'kubectl', kubeconfig: '', images: '' });
