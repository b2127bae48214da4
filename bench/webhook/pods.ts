/** Pods as controllers create them, by number: each `replicas` of them are of one ReplicaSet. */
export function podReview(index: number, namespaces: readonly string[], replicas: number): string {
  const workload = Math.floor(index / replicas);
  const namespace = namespaces[workload % namespaces.length];
  const name = `service-${workload}`;
  const hash = (workload * 2_654_435_761).toString(16).slice(-9).padStart(9, '0');
  const token = { name: 'kube-api-access', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true };
  const container = (suffix: string, port: number) => ({
    name: `${name}-${suffix}`,
    image: `registry.example/shop/${name}-${suffix}:1.2.3`,
    ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
    env: Array.from({ length: 20 }, (_, variable) => ({ name: `SETTING_${variable}`, value: `value ${variable}` })),
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    readinessProbe: { httpGet: { path: '/ready', port: 'http', scheme: 'HTTP' }, periodSeconds: 10 },
    volumeMounts: [token],
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  });
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${name}-${hash}-`,
      namespace,
      labels: { app: name, 'pod-template-hash': hash },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${name}-${hash}`,
          uid: `uid-${workload}`,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      serviceAccountName: name,
      containers: [container('web', 8080), container('worker', 9090)],
      volumes: [{ name: token.name, projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
      restartPolicy: 'Always',
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
    },
  };
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: `review-${index}`,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace,
      operation: 'CREATE',
      dryRun: false,
      object,
    },
  });
}
