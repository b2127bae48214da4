import { proxyContainerName } from '../../lib/contract/names.ts';
import { meshVersion } from '../../lib/contract/version.ts';
import { containerVersion } from '../cluster/images.ts';
import { type Category, CheckFailure } from './check.ts';
import type { CheckedPod, ClusterFacts } from './cluster-facts.ts';
import { fail } from './control-plane-checks.ts';

/** Whether command line and control plane are of one version. */
export function versionChecks(facts: ClusterFacts): Category {
  const versions = async (): Promise<Set<string>> => {
    const pods = await facts.controlPlanePods();
    const found = pods.map((pod) => containerVersion(pod, pod.component)).filter((version) => version !== undefined);
    if (found.length === 0) throw new CheckFailure('no pod of the control plane tells its version');
    return new Set(found);
  };
  return {
    name: 'control-plane-version',
    checks: [
      {
        description: 'can retrieve the control plane version',
        hint: 'versions',
        retry: true,
        run: async () => {
          await versions();
        },
      },
      {
        description: 'control plane is of one version',
        hint: 'versions',
        warning: true,
        run: async () => {
          const found = await versions();
          if (found.size > 1)
            throw new CheckFailure(`pods run ${[...found].sort().join(', ')}: is a rollout under way?`);
        },
      },
      {
        description: 'control plane and cli versions match',
        hint: 'versions',
        warning: true,
        run: async () => {
          const others = [...(await versions())].filter((version) => version !== meshVersion);
          fail(others.map((version) => `control plane running ${version} but cli running ${meshVersion}`));
        },
      },
    ],
  };
}

/** Whether the sidecars of the control plane itself do well. */
export function controlPlaneProxyChecks(facts: ClusterFacts): Category {
  return {
    name: 'mesh-control-plane-proxy',
    checks: [
      {
        description: 'control plane proxies are healthy',
        hint: 'control-plane-pods',
        retry: true,
        run: async () => {
          const pods = await facts.controlPlanePods();
          if (pods.length === 0) throw new CheckFailure('no pod of the control plane is there');
          fail(pods.flatMap(proxyFault));
        },
      },
      {
        description: 'control plane proxies and cli versions match',
        hint: 'versions',
        warning: true,
        run: async () => fail((await facts.controlPlanePods()).flatMap(otherProxyVersion)),
      },
    ],
  };
}

/** Empty when the sidecar of a pod is ready. */
export function proxyFault({ metadata, status }: CheckedPod): string[] {
  const name = `${metadata.namespace}/${metadata.name}`;
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const proxy = statuses.find((container) => container.name === proxyContainerName);
  if (proxy === undefined) return [`${name} has no sidecar: restart it`];
  const { reason } = proxy.state?.waiting ?? {};
  return proxy.ready ? [] : [`the sidecar of ${name} is not ready${reason ? ` (${reason})` : ''}`];
}

export function otherProxyVersion(pod: CheckedPod): string[] {
  const version = containerVersion(pod, proxyContainerName);
  if (version === undefined || version === meshVersion) return [];
  return [`${pod.metadata.namespace}/${pod.metadata.name} runs ${version} but cli is ${meshVersion}: restart it`];
}
