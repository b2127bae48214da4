import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { componentLabel } from '../contract/labels.ts';
import { systemNamespaces, webhookConfigurationName, webhookServiceName } from '../contract/names.ts';
import { foreignKinds, groupsOf, kinds, meshKinds, resourcesOf } from '../kinds/index.ts';
import { componentLabels } from './component.ts';
import type { MeshInstall } from './install.ts';

interface Webhook {
  /** `proxy-injector`: the Service is `tulle-proxy-injector`. */
  readonly name: string;
  readonly component: string;
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly apiVersions: readonly string[];
    readonly operations: readonly string[];
    readonly resources: readonly string[];
  }[];
  readonly excludedNamespaces?: readonly string[];
  readonly objectSelector?: Record<string, unknown>;
}

/** Adds sidecars to pods, and opaque ports to Services. */
export function mutatingWebhook(scope: Construct, install: MeshInstall): void {
  configuration(
    scope,
    'Mutating',
    {
      name: 'proxy-injector',
      component: 'proxy-injector',
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods', 'services'] }],
      // Without these the cluster could not start its own network, or the certificates that the mesh may wait for.
      excludedNamespaces: [...systemNamespaces, 'cert-manager'],
      objectSelector: {
        matchExpressions: [
          { key: componentLabel, operator: 'DoesNotExist' },
          { key: 'linkerd.io/cni-resource', operator: 'DoesNotExist' },
        ],
      },
    },
    install,
  );
}

/** Refuses what could not take effect: ServiceProfiles, policy and routes. */
export function validatingWebhooks(scope: Construct, install: MeshInstall): void {
  const profileGroup = kinds.ServiceProfile.group;
  const policyGroups = groupsOf([...meshKinds, ...foreignKinds]).filter((group) => group !== profileGroup);
  const rule = (group: string, apiVersions: string[]) => ({
    apiGroups: [group],
    apiVersions,
    operations: ['CREATE', 'UPDATE'],
    resources: resourcesOf(group),
  });
  configuration(
    scope,
    'Validating',
    {
      name: 'sp-validator',
      component: 'destination',
      rules: [rule(profileGroup, kinds.ServiceProfile.versions.map(({ name }) => name).sort())],
    },
    install,
  );
  configuration(
    scope,
    'Validating',
    {
      name: 'policy-validator',
      component: 'destination',
      rules: policyGroups.map((group) => rule(group, ['*'])),
    },
    install,
  );
}

/**
 * The `caBundle` is left out on purpose: the component writes its own certificate there, and an apply of the same
 * manifest later leaves a field alone that it does not name.
 */
function configuration(
  scope: Construct,
  kind: 'Mutating' | 'Validating',
  webhook: Webhook,
  install: MeshInstall,
): void {
  const { meshNamespace: namespace } = install.config;
  const notDisabled = ['config.tulle.dev', 'config.linkerd.io'].map((prefix) => ({
    key: `${prefix}/admission-webhooks`,
    operator: 'NotIn',
    values: ['disabled'],
  }));
  const notExcluded = webhook.excludedNamespaces
    ? [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [...webhook.excludedNamespaces] }]
    : [];
  new ApiObject(scope, `${webhook.name}-webhook`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: {
      name: webhookConfigurationName(webhook.name, namespace),
      labels: componentLabels(webhook.component, install),
    },
    webhooks: [
      {
        name: `tulle-${webhook.name}.tulle.dev`,
        clientConfig: { service: { name: webhookServiceName(webhook.name), namespace, path: '/' } },
        // The default, which kubectl would otherwise take for a change at every apply.
        rules: webhook.rules.map((rule) => ({ ...rule, scope: '*' })),
        namespaceSelector: { matchExpressions: [...notDisabled, ...notExcluded] },
        ...(webhook.objectSelector ? { objectSelector: webhook.objectSelector } : {}),
        // With replicas on several nodes the mesh can be waited for; a single one must not hold up the cluster.
        failurePolicy: install.failClosedWebhooks ? 'Fail' : 'Ignore',
        matchPolicy: 'Equivalent',
        sideEffects: 'None',
        timeoutSeconds: 10,
        admissionReviewVersions: ['v1', 'v1beta1'],
      },
    ],
  });
}
