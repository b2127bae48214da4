import { describe, inject } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { Kubectl } from './kubectl.ts';
import { Machines } from './machines.ts';

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
}

/**
 * A suite that needs the cluster. Where there is none it is skipped, and named with the reason. Makes no connection
 * itself, so that the names of its tests are known without a cluster.
 */
export function describeOnCluster(name: string, body: (cluster: TestCluster) => void): void {
  const facts = inject('cluster');
  if (!facts.available) {
    describe.skip(`${name} (skipped: ${facts.reason})`, () => body(asTestCluster('kubectl', '', undefined)));
    return;
  }
  describe(name, () => body(asTestCluster(facts.kubectl, facts.kubeconfig, facts.ownState)));
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
    describe(name, () => body({ ...asTestCluster(facts.kubectl, facts.kubeconfig, undefined), machines }));
    return;
  }
  describe.skip(`${name} (skipped: ${reason})`, () =>
    body({ ...asTestCluster('kubectl', '', undefined), machines: new Machines('') }));
}

const asTestCluster = (kubectl: string, kubeconfig: string, ownState: string | undefined): TestCluster => ({
  kubectl: new Kubectl(kubectl, kubeconfig),
  kubeconfig,
  machines: ownState === undefined ? undefined : new Machines(ownState),
});
