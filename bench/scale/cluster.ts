/** The size of a cluster of many Services, each with its share of the pods. */
export interface ClusterSize {
  readonly pods: number;
  readonly services: number;
}

const zones = ['a', 'b', 'c'];
const servicesPerNamespace = 50;

export const namespaceOf = (service: number): string => `team-${Math.floor(service / servicesPerNamespace)}`;
export const serviceName = (service: number): string => `web-${service}`;
export const pathOf = (service: number): string =>
  `${serviceName(service)}.${namespaceOf(service)}.svc.cluster.local:80`;
export const clusterIpOf = (service: number): string => `10.96.${service >> 8}.${service & 255}`;
const podIp = (pod: number): string => `10.${pod >> 16}.${(pod >> 8) & 255}.${pod & 255}`;
export const podName = (pod: number): string => `web-6d4f7c9b5-${pod}`;

export function namespace(name: string, annotations: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } };
}

export function node(index: number): object {
  const labels = { 'topology.kubernetes.io/zone': zones[index % zones.length] };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: `n${index}`, labels } };
}

export function service(index: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: serviceName(index), namespace: namespaceOf(index) },
    spec: { clusterIP: clusterIpOf(index), ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
}

/** `omitted`: endpoints at the end that are not ready. */
export function slice(index: number, { pods, services }: ClusterSize, omitted = 0): object {
  const mine: number[] = [];
  for (let pod = index; pod < pods; pod += services) mine.push(pod);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${serviceName(index)}-abc`,
      namespace: namespaceOf(index),
      labels: { 'kubernetes.io/service-name': serviceName(index) },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: mine.map((pod, place) => ({
      addresses: [podIp(pod)],
      conditions: { ready: place < mine.length - omitted },
      zone: zones[pod % zones.length],
      nodeName: `n${pod % zones.length}`,
      targetRef: { kind: 'Pod', name: podName(pod), namespace: namespaceOf(index) },
    })),
  };
}

export function pod(index: number, { services }: ClusterSize): object {
  const ip = podIp(index);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(index),
      namespace: namespaceOf(index % services),
      uid: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: { 'linkerd.io/created-by': 'tulle/proxy-injector', 'linkerd.io/proxy-version': '1.0.0' },
      labels: {
        app: serviceName(index % services),
        'pod-template-hash': '6d4f7c9b5',
        'linkerd.io/control-plane-ns': 'tulle',
        'linkerd.io/proxy-deployment': serviceName(index % services),
      },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${serviceName(index % services)}-6d4f7c9b5`, controller: true }],
    },
    spec: {
      serviceAccountName: 'default',
      nodeName: `n${index % zones.length}`,
      containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 8080 }] }],
      initContainers: [
        { name: 'tulle-proxy', env: [{ name: 'LINKERD2_PROXY_INBOUND_LISTEN_ADDR', value: '0.0.0.0:4143' }] },
      ],
    },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      hostIP: '172.18.0.2',
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}
