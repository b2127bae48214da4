import { ApiError } from '../../control-plane/kubernetes/api.ts';
import type { Manifest } from '../../lib/inject/index.ts';
import { foreignKinds, type KindSpec, meshKinds } from '../../lib/kinds/index.ts';
import { synthMesh } from '../../synth/mesh.ts';
import { type Category, type Check, CheckFailure } from './check.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { dualStackProblem } from './dual-stack.ts';

/** Native sidecars, init containers that go on, are on by default since 1.29 (KEP-753). */
const minimumMinor = 29;
/** What the mesh's certificates allow for by default. */
const maxSkewMs = 20_000;

const crdName = ({ plural, group }: KindSpec): string => `${plural}.${group}`;
/** Of the Gateway API's experimental channel, or not yet in the standard one of older versions: nobody need have them. */
const optional: ReadonlySet<string> = new Set(['TCPRoute', 'TLSRoute']);
const gatewayCrds = foreignKinds.filter(({ kind, reads }) => reads !== undefined && !optional.has(kind)).map(crdName);

/** Whether there is a cluster that the mesh can run on. */
export function kubernetesChecks(facts: ClusterFacts): Category[] {
  return [
    {
      name: 'kubernetes-api',
      checks: [
        {
          description: 'can initialize the client',
          hint: 'kubernetes-api',
          fatal: true,
          run: () => facts.connect(),
        },
        {
          description: 'can query the Kubernetes API',
          hint: 'kubernetes-api',
          fatal: true,
          run: async () => {
            const { gitVersion } = await facts.version();
            if (typeof gitVersion !== 'string')
              throw new CheckFailure('GET /version: the answer has no version: is this a Kubernetes API server?');
          },
        },
      ],
    },
    {
      name: 'kubernetes-version',
      checks: [
        {
          description: 'is running the minimum Kubernetes API version',
          hint: 'kubernetes-version',
          run: async () => {
            const { gitVersion, major, minor } = await facts.version();
            if (Number(major) > 1 || Number.parseInt(minor, 10) >= minimumMinor) return;
            throw new CheckFailure(
              `the cluster is ${gitVersion}: 1.${minimumMinor} is needed, since sidecars are native ones`,
            );
          },
        },
      ],
    },
    {
      name: 'gateway-api-crd',
      checks: [
        {
          description: 'Gateway API CRDs are installed',
          hint: 'gateway-api-crd',
          warning: true,
          run: async () => {
            const missing = await missingCrds(facts, gatewayCrds);
            if (missing.length === 0) return;
            throw new CheckFailure(
              `missing: ${missing.join(', ')}. Routes of the Gateway API have no effect until its standard channel ` +
                'is applied (https://gateway-api.sigs.k8s.io)',
            );
          },
        },
      ],
    },
  ];
}

export async function missingCrds(facts: ClusterFacts, names: readonly string[]): Promise<string[]> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const found = await Promise.all(names.map((name) => facts.object(`${path}/${name}`)));
  return names.filter((_, index) => found[index] === undefined);
}

/** Whether this user can install the mesh there. */
export function preInstallChecks(facts: ClusterFacts, nowMs: () => number): Category {
  const { meshNamespace: namespace } = facts;
  const can = (what: string, resource: string, group: string, options: { namespaced?: boolean; verb?: string } = {}) =>
    permissionCheck(facts, what, {
      verb: options.verb ?? 'create',
      resource,
      group,
      ...(options.namespaced ? { namespace } : {}),
    });
  const rbac = 'rbac.authorization.k8s.io';
  return {
    name: 'pre-kubernetes-setup',
    checks: [
      {
        description: 'every address of pods is led to the proxies',
        hint: 'ipv6',
        warning: true,
        run: async () => {
          const problem = dualStackProblem(await facts.nodes());
          if (problem !== undefined) throw new CheckFailure(problem);
        },
      },
      {
        description: 'control plane namespace does not already exist',
        hint: 'namespace-exists',
        run: async () => {
          if ((await facts.namespace(namespace)) === undefined) return;
          throw new CheckFailure(`namespace ${namespace} is there: 'tulle check' without --pre asks how the mesh does`);
        },
      },
      can('can create Namespaces', 'namespaces', ''),
      can('can create ClusterRoles', 'clusterroles', rbac),
      can('can create ClusterRoleBindings', 'clusterrolebindings', rbac),
      can('can create CustomResourceDefinitions', 'customresourcedefinitions', 'apiextensions.k8s.io'),
      can('can create MutatingWebhookConfigurations', 'mutatingwebhookconfigurations', 'admissionregistration.k8s.io'),
      can(
        'can create ValidatingWebhookConfigurations',
        'validatingwebhookconfigurations',
        'admissionregistration.k8s.io',
      ),
      can('can create ServiceAccounts', 'serviceaccounts', '', { namespaced: true }),
      can('can create Roles', 'roles', rbac, { namespaced: true }),
      can('can create RoleBindings', 'rolebindings', rbac, { namespaced: true }),
      can('can create Services', 'services', '', { namespaced: true }),
      can('can create Deployments', 'deployments', 'apps', { namespaced: true }),
      can('can create ConfigMaps', 'configmaps', '', { namespaced: true }),
      grantCheck(facts),
      skewCheck(facts, nowMs),
    ],
  };
}

interface Attributes {
  readonly verb: string;
  readonly resource: string;
  readonly group: string;
  readonly namespace?: string;
}

function permissionCheck(facts: ClusterFacts, description: string, attributes: Attributes): Check {
  return {
    description,
    hint: 'permissions',
    run: async () => {
      const review = await facts.cluster.client.create<{ status: { allowed: boolean; reason?: string } }>(
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: attributes },
        },
      );
      if (review.status.allowed) return;
      const { verb, resource, group, namespace } = attributes;
      const reason = review.status.reason ? ` (${review.status.reason})` : '';
      const what = `${verb} ${resource}${group && `.${group}`}`;
      const place = namespace === undefined ? '' : ` --namespace ${namespace}`;
      throw new CheckFailure(`you may not ${what}${reason}: see 'kubectl auth can-i ${what}${place}'`);
    },
  };
}

/** RBAC lets nobody grant what he does not have himself; only the API server can tell, so it is asked to try. */
function grantCheck(facts: ClusterFacts): Check {
  return {
    description: 'can grant the permissions of the control plane',
    hint: 'permissions',
    run: async () => {
      const refused: string[] = [];
      for (const role of synthMesh().filter(({ kind }) => kind === 'ClusterRole')) {
        const trial: Manifest = { ...role, metadata: { name: `${role.metadata?.name}-trial` } };
        try {
          await facts.cluster.client.create('/apis/rbac.authorization.k8s.io/v1/clusterroles?dryRun=All', trial);
        } catch (error) {
          if (!(error instanceof ApiError) || error.status !== 403) throw error;
          refused.push(`${role.metadata?.name}: ${error.message.split('\n')[0]}`);
        }
      }
      if (refused.length > 0) throw new CheckFailure(refused);
    },
  };
}

function skewCheck(facts: ClusterFacts, nowMs: () => number): Check {
  return {
    description: 'no clock skew detected',
    hint: 'clock-skew',
    warning: true,
    run: async () => {
      const review = await facts.cluster.client.create<{ metadata?: { creationTimestamp?: string } }>(
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      );
      const server = Date.parse(review.metadata?.creationTimestamp ?? '');
      if (Number.isNaN(server)) throw new CheckFailure('the API server does not tell its time');
      const skewMs = Math.abs(nowMs() - server);
      // The server tells whole seconds.
      if (skewMs <= maxSkewMs + 1000) return;
      throw new CheckFailure(
        `the clocks of the API server and of this machine differ by ${Math.round(skewMs / 1000)} s: ` +
          'certificates allow 20 s between nodes',
      );
    },
  };
}

/** Whether the kinds of the mesh are there. */
export function crdChecks(facts: ClusterFacts): Category {
  return {
    name: 'mesh-crd',
    checks: [
      {
        description: 'control plane CustomResourceDefinitions exist',
        hint: 'mesh-crd',
        retry: true,
        run: async () => {
          const missing = await missingCrds(facts, meshKinds.map(crdName));
          if (missing.length > 0) throw new CheckFailure(`missing: ${missing.join(', ')}`);
        },
      },
    ],
  };
}
