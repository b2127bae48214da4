import { isWithin } from '../../lib/contract/cidr.ts';
import type { Manifest } from '../../lib/inject/index.ts';
import { objectTitle } from '../cluster/mesh-objects.ts';
import { isRefused } from '../cluster/refusal.ts';
import { type Category, type Check, CheckFailure } from './check.ts';
import type { CheckedPod, ClusterFacts, Deployment } from './cluster-facts.ts';

/** How many objects of a kind are named before the rest is counted. */
const namedObjects = 5;

/** Whether the control plane is there and runs. */
export function existenceChecks(facts: ClusterFacts): Category {
  const { meshNamespace } = facts;
  return {
    name: 'mesh-existence',
    checks: [
      {
        description: `'tulle-config' config map exists`,
        hint: 'config-map',
        fatal: true,
        run: async () => {
          await facts.installed();
        },
      },
      {
        description: 'control plane replica sets are ready',
        hint: 'control-plane-pods',
        retry: true,
        run: async () => fail(await deploymentFaults(facts)),
      },
      {
        description: 'no unschedulable pods',
        hint: 'unschedulable-pods',
        retry: true,
        run: async () => fail((await facts.controlPlanePods()).flatMap(unschedulable)),
      },
      {
        description: 'control plane pods are ready',
        hint: 'control-plane-pods',
        retry: true,
        run: async () => {
          const pods = await facts.controlPlanePods();
          const faults = pods.flatMap(unready);
          const expected = await facts.expected('Deployment').catch((error) => {
            // Which pods are missing is not known then; those that are there can be told of.
            if (isRefused(error)) fail(faults);
            throw error;
          });
          const missing = expected
            .map(({ metadata }) => String(metadata?.name))
            .filter((name) => !pods.some(({ component, status }) => `tulle-${component}` === name && status))
            .map((name) => `no pod of ${meshNamespace}/${name} is there`);
          fail([...missing, ...faults]);
        },
      },
      ...networkChecks(facts),
    ],
  };
}

function networkChecks(facts: ClusterFacts): Check[] {
  const outside = async (what: (networks: readonly string[]) => Promise<string[]>): Promise<void> => {
    const { clusterNetworks } = (await facts.installed()).config;
    const found = await what(clusterNetworks);
    fail(found, ` is not in the cluster networks (${clusterNetworks.join(', ')}): upgrade with --cluster-networks`);
  };
  return [
    {
      description: 'cluster networks contain all node podCIDRs',
      hint: 'cluster-networks',
      run: () =>
        outside(async (networks) =>
          (await facts.nodes()).flatMap(({ metadata, spec }) =>
            (spec?.podCIDRs ?? [])
              .filter((cidr) => !isWithin(cidr, networks))
              .map((cidr) => `${metadata.name}: ${cidr}`),
          ),
        ),
    },
    {
      description: 'cluster networks contain all pods',
      hint: 'cluster-networks',
      run: () =>
        outside(async (networks) =>
          (await facts.pods())
            .filter(({ spec, status }) => !spec?.hostNetwork && status?.podIP !== undefined)
            .filter(({ status }) => !isWithin(status?.podIP ?? '', networks))
            .map(({ metadata, status }) => `pod ${metadata.namespace}/${metadata.name}: ${status?.podIP}`),
        ),
    },
    {
      description: 'cluster networks contain all services',
      hint: 'cluster-networks',
      run: () =>
        outside(async (networks) =>
          (await facts.services())
            .filter(({ spec }) => spec?.clusterIP && spec.clusterIP !== 'None')
            .filter(({ spec }) => !isWithin(spec?.clusterIP ?? '', networks))
            .map(({ metadata, spec }) => `service ${metadata.namespace}/${metadata.name}: ${spec?.clusterIP}`),
        ),
    },
  ];
}

async function deploymentFaults(facts: ClusterFacts): Promise<string[]> {
  const expected = await facts.expected('Deployment');
  const found = await Promise.all(
    expected.map(({ metadata }) =>
      facts.object<Deployment>(`/apis/apps/v1/namespaces/${metadata?.namespace}/deployments/${metadata?.name}`),
    ),
  );
  return found.flatMap((deployment, index) => {
    const name = objectTitle(expected[index]);
    if (deployment === undefined) return [`${name} is not there`];
    const { metadata, spec, status } = deployment;
    const wanted = spec?.replicas ?? 1;
    const ready = status?.readyReplicas ?? 0;
    if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return [`${name} is not rolled out yet`];
    return ready < wanted ? [`${name} has ${ready} of ${wanted} replicas ready`] : [];
  });
}

function unschedulable({ metadata, status }: CheckedPod): string[] {
  const condition = status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (condition?.reason !== 'Unschedulable') return [];
  return [`${metadata.namespace}/${metadata.name}: ${condition.message ?? 'Unschedulable'}`];
}

/** Containers of a pod that are not ready, with the kubelet's reason. */
export function unready({ metadata, spec, status }: CheckedPod): string[] {
  const name = `${metadata.namespace}/${metadata.name}`;
  if (status?.phase !== 'Running') return [`${name} is ${status?.phase ?? 'not started'}`];
  const goingOn = new Set(
    (spec?.initContainers ?? [])
      .filter((container) => (container as { restartPolicy?: string }).restartPolicy === 'Always')
      .map((container) => container.name),
  );
  const statuses = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []).filter((container) => goingOn.has(container.name)),
  ];
  return statuses
    .filter(({ ready }) => !ready)
    .map(({ name: container, state }) => {
      const { reason, message } = state?.waiting ?? {};
      const why = [reason, message].filter(Boolean).join(': ');
      return `${name}: container ${container} is not ready${why && ` (${why})`}`;
    });
}

const paths: Readonly<Record<string, string>> = {
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  MutatingWebhookConfiguration: '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  ValidatingWebhookConfiguration: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
};

/** Whether all objects of the install are there. */
export function configChecks(facts: ClusterFacts): Category {
  const { meshNamespace } = facts;
  const exist = (kind: string, path = paths[kind]): Check => ({
    description: `control plane ${kind}s exist`,
    hint: 'mesh-config',
    run: async () => {
      const expected: readonly Manifest[] = await facts.expected(kind);
      const found = await Promise.all(expected.map(({ metadata }) => facts.object(`${path}/${metadata?.name}`)));
      fail(
        expected.filter((_, index) => found[index] === undefined).map(objectTitle),
        ` is not there: apply what 'tulle upgrade' prints`,
      );
    },
  });
  return {
    name: 'mesh-config',
    checks: [
      {
        description: 'control plane Namespace exists',
        hint: 'mesh-config',
        run: async () => {
          if ((await facts.namespace(meshNamespace)) === undefined) {
            throw new CheckFailure(`namespace ${meshNamespace} is not there`);
          }
        },
      },
      exist('ClusterRole'),
      exist('ClusterRoleBinding'),
      exist('ServiceAccount', `/api/v1/namespaces/${meshNamespace}/serviceaccounts`),
      exist('MutatingWebhookConfiguration'),
      exist('ValidatingWebhookConfiguration'),
    ],
  };
}

/** Whether a mesh that is to survive the loss of a node can; one without high availability is not asked. */
export function highAvailabilityChecks(facts: ClusterFacts): Category {
  const check: Check = {
    description: 'multiple replicas of control plane pods',
    hint: 'ha-replicas',
    warning: true,
    run: async () => {
      const pods = await facts.controlPlanePods();
      const lines = (await facts.expected('Deployment')).flatMap(({ metadata }) => {
        const ready = pods.filter((pod) => `tulle-${pod.component}` === metadata?.name && unready(pod).length === 0);
        return ready.length > 1 ? [] : [`${metadata?.name} has ${ready.length} pods that are ready`];
      });
      fail(lines);
    },
  };
  const isWanted = async () => (await facts.installed()).stored.given.highAvailability === true;
  return { name: 'mesh-ha-checks', checks: async () => ((await isWanted()) ? [check] : []) };
}

/** Throws a CheckFailure that names the first of `found`, each followed by `suffix`; nothing when there is none. */
export function fail(found: readonly string[], suffix = ''): void {
  if (found.length === 0) return;
  const named = found.slice(0, namedObjects).map((one) => `${one}${suffix}`);
  if (found.length > namedObjects) named.push(`and ${found.length - namedObjects} more`);
  throw new CheckFailure(named);
}
