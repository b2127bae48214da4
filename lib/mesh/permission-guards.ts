import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import {
  anchorSecret,
  componentName,
  issuerSecret,
  trustRootsConfigMap,
  webhookSecretName,
} from '../contract/names.ts';
import type { MeshInstall } from './install.ts';

const group = 'admissionregistration.k8s.io';

/** What each component makes, by name: Secrets, and ConfigMaps. */
const always: Readonly<Record<string, readonly string[]>> = {
  identity: [issuerSecret, anchorSecret, trustRootsConfigMap],
  destination: ['sp-validator', 'policy-validator'].map(webhookSecretName),
  'proxy-injector': [webhookSecretName('proxy-injector')],
};

/** Fields of a webhook that say what it is asked about, and who is asked. All but `clientConfig.caBundle`. */
const webhookFields = [
  'rules',
  'failurePolicy',
  'matchPolicy',
  'namespaceSelector',
  'objectSelector',
  'matchConditions',
  'sideEffects',
  'timeoutSeconds',
  'admissionReviewVersions',
  'reinvocationPolicy',
  'clientConfig.?service',
  'clientConfig.?url',
];
/** Of an APIService: what it is, and who serves it. All but `caBundle`. */
const apiServiceFields = [
  'group',
  'version',
  'service',
  'groupPriorityMinimum',
  'versionPriority',
  'insecureSkipTLSVerify',
];
const metadataFields = ['labels', 'annotations', 'ownerReferences', 'finalizers'];

/**
 * What roles cannot say, held by ValidatingAdmissionPolicies (Kubernetes 1.30 and newer): components that may patch
 * their webhook's configuration change nothing but its `caBundle`, or one that was broken into would have the API server
 * send it every object of the cluster; and components that may create Secrets create their own, and none that
 * Kubernetes would fill with another account's token.
 */
export class PermissionGuards extends Construct {
  constructor(scope: Construct, id: string, { tap, config: { meshNamespace: namespace } }: MeshInstall) {
    super(scope, id);
    const made = tap ? { ...always, tap: [webhookSecretName('tap')] } : always;
    const account = (component: string): string => `system:serviceaccount:${namespace}:${componentName(component)}`;
    const byComponents = {
      name: 'by-a-component',
      expression: `request.userInfo.username in ${list(Object.keys(made).map(account))}`,
    };
    const policy = (name: string, spec: Record<string, unknown>): void => {
      const metadata = { name: `${namespace}-tulle-${name}`, labels: { [controlPlaneNamespaceLabel]: namespace } };
      new ApiObject(this, name, {
        apiVersion: `${group}/v1`,
        kind: 'ValidatingAdmissionPolicy',
        metadata,
        spec: { failurePolicy: 'Fail', matchConditions: [byComponents], ...spec },
      });
      new ApiObject(this, `${name}-binding`, {
        apiVersion: `${group}/v1`,
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata,
        spec: { policyName: metadata.name, validationActions: ['Deny'] },
      });
    };

    policy('ca-bundle-only', {
      matchConstraints: matching(
        [group],
        ['*'],
        ['UPDATE'],
        ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      ),
      validations: [
        {
          expression: metadataFields
            .map((field) => `object.metadata.?${field} == oldObject.metadata.?${field}`)
            .join(' && '),
          message: 'a component of the mesh may change the caBundle of its webhook, and nothing of its metadata',
        },
        {
          expression:
            'object.webhooks.size() == oldObject.webhooks.size() && ' +
            'object.webhooks.all(new, oldObject.webhooks.exists_one(old, old.name == new.name && ' +
            `${webhookFields.map((field) => `old.${optional(field)} == new.${optional(field)}`).join(' && ')}))`,
          message: 'a component of the mesh may change the caBundle of its webhook, and nothing else of it',
        },
      ],
    });
    if (tap)
      policy('api-service-bundle-only', {
        matchConstraints: matching(['apiregistration.k8s.io'], ['*'], ['UPDATE'], ['apiservices']),
        validations: [
          {
            expression: [
              'metadata.?labels',
              'metadata.?annotations',
              ...apiServiceFields.map((field) => `spec.?${field}`),
            ]
              .map((field) => `object.${field} == oldObject.${field}`)
              .join(' && '),
            message: 'a component of the mesh may change the caBundle of its API, and nothing else of it',
          },
        ],
      });
    const names = Object.entries(made).map(([component, own]) => `${JSON.stringify(account(component))}: ${list(own)}`);
    policy('own-objects-only', {
      matchConstraints: matching([''], ['v1'], ['CREATE', 'UPDATE'], ['secrets', 'configmaps']),
      validations: [
        {
          expression: `object.metadata.?name.orValue("") in {${names.join(', ')}}[request.userInfo.username]`,
          message: 'a component of the mesh may write the Secrets and ConfigMaps that are its own, and no others',
        },
        {
          expression: 'object.?type.orValue("") != "kubernetes.io/service-account-token"',
          message: 'a component of the mesh may have no Secret filled with a token',
        },
      ],
    });
  }
}

const list = (values: readonly string[]): string => JSON.stringify(values);
const optional = (field: string): string => (field.includes('?') ? field : `?${field}`);

const matching = (apiGroups: string[], apiVersions: string[], operations: string[], resources: string[]) => ({
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  resourceRules: [{ apiGroups, apiVersions, operations, resources, scope: '*' }],
});
