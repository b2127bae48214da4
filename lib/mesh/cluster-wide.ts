import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';

/** Kinds of which objects stand in no namespace, as far as the mesh makes any. */
const clusterWideKinds: ReadonlySet<string> = new Set([
  'APIService',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'MutatingWebhookConfiguration',
  'Namespace',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

/**
 * Keeps the namespace of a chart off the objects beneath a construct that stand in none: cdk8s writes it to every object
 * that names no other, and a tool that compares such an object with the cluster's finds a difference for ever.
 */
export function withoutChartNamespace(scope: IConstruct): void {
  for (const object of scope.node.findAll()) {
    if (!ApiObject.isApiObject(object) || !clusterWideKinds.has(object.kind)) continue;
    const render: () => Record<string, unknown> & { metadata: Record<string, unknown> } = object.toJson.bind(object);
    object.toJson = () => {
      const manifest = render();
      const { namespace: _chart, ...metadata } = manifest.metadata;
      return { ...manifest, metadata };
    };
  }
}
