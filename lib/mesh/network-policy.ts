import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';

export interface ComponentConnections {
  readonly name: string;
  readonly namespace: string;
  /** Of the pods. */
  readonly labels: Readonly<Record<string, string>>;
  /** Open to every pod of the cluster. */
  readonly clusterPorts: readonly number[];
  /** Open to everybody. */
  readonly webhookPorts: readonly number[];
  /** Called at any port, besides what all components call. */
  readonly calledNetworks: readonly string[];
}

/** CoreDNS, and the port that DNS pods of OpenShift listen on: policies see the pod's port, not that of the Service. */
const dnsPorts = [53, 5353];
/** Where API servers listen: 443 in the clouds, 6443 (kubeadm, k3s, kind), 8443 (minikube), 16443 (MicroK8s). */
const apiServerPorts = [443, 6443, 8443, 16_443];

/**
 * Which connections a component's pods take and make; all others are refused where the cluster's network enforces
 * policies. They are no substitute for the mesh's own policy: they keep a pod that was broken into from looking around.
 *
 * The address of the API server is unknown and may be outside of the cluster: so everybody may call webhooks, and the
 * ports of API servers may be called anywhere, which is where the keys of token issuers are fetched as well. Probes need no rule, for a node always reaches its pods.
 */
export function networkPolicy(scope: Construct, connections: ComponentConnections): void {
  const { name, namespace, labels, clusterPorts, webhookPorts, calledNetworks } = connections;
  new ApiObject(scope, 'network-policy', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels },
    spec: {
      podSelector: { matchLabels: labels },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [{ namespaceSelector: {} }], ports: tcp(clusterPorts) },
        ...(webhookPorts.length > 0 ? [{ ports: tcp(webhookPorts) }] : []),
      ],
      egress: [
        // The other components.
        { to: [{ podSelector: {} }] },
        { ports: [...tcp(dnsPorts), ...dnsPorts.map((port) => ({ protocol: 'UDP', port }))] },
        { ports: tcp(apiServerPorts) },
        ...calledNetworks.map((cidr) => ({ to: [{ ipBlock: { cidr } }], ports: [{ protocol: 'TCP' }] })),
      ],
    },
  });
}

const tcp = (ports: readonly number[]) => ports.map((port) => ({ protocol: 'TCP', port }));
