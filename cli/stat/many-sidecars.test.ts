import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { servePods } from '../testing/pods-of-processes.ts';
import { sidecarMetrics } from '../testing/sidecar-metrics.ts';

const sidecars = 1000;
/** Two scrapes of all are 1.1 GB of text; parsed and held they were 2.7 GB. */
const heapMb = 96;
const tulle = join(import.meta.dirname, '../main.ts');

/** Metrics of a pod, each time with 100 requests more of each kind. The text is made once for each number. */
const templates = new Map<number, string>();
function counting(ip: string): () => string {
  let total = 1000;
  return () => {
    total += 100;
    const template = templates.get(total) ?? sidecarMetrics('OWN-ADDRESS', total);
    templates.set(total, template);
    return template.replaceAll('OWN-ADDRESS', ip);
  };
}

it(`figures of ${sidecars} sidecars are told in a heap of ${heapMb} MB, and who does not answer is counted`, async () => {
  const filler = Array.from({ length: 60 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `one of many, the ${i}th` }));
  const pods = Array.from({ length: sidecars }, (_, i) => ({
    metadata: {
      ...{ name: `web-abc-${i}`, namespace: 'shop', managedFields: filler },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web-abc' }],
    },
    spec: {
      initContainers: [{ name: 'tulle-proxy', env: filler, readinessProbe: { httpGet: { port: 4191 } } }],
      containers: [{ name: 'app', env: filler }],
    },
    status: { phase: 'Running', podIP: '10.1.0.1' },
  }));
  const owned = (name: string, owner?: object) => ({ metadata: { name, namespace: 'shop', ownerReferences: [owner] } });
  const metrics = pods.slice(20).map(({ metadata: { name } }, i) => {
    return [`/api/v1/namespaces/shop/pods/${name}:4191/proxy/metrics`, counting(`10.1.${i >> 8}.${i & 255}`)] as const;
  });
  const cluster = await servePods({
    ports: {},
    answers: {
      '/api/v1/namespaces/shop/pods': { items: pods },
      '/apis/apps/v1/namespaces/shop/deployments': { items: [{ metadata: { name: 'web', namespace: 'shop' } }] },
      '/apis/apps/v1/namespaces/shop/replicasets': {
        items: [owned('web-abc', { kind: 'Deployment', name: 'web' })],
      },
      ...Object.fromEntries(metrics),
    },
  });
  try {
    const args = ['stat', 'deploy', '-n', 'shop', '-t', '100ms', '-o', 'json', '--kubeconfig', cluster.kubeconfig];
    const child = spawn(process.execPath, [`--max-old-space-size=${heapMb}`, tulle, ...args]);
    const exited = new Promise((resolve) => child.on('exit', resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect({ err: err.includes('heap out of memory'), code: await exited }).toEqual({ err: false, code: 0 });
    const [row] = JSON.parse(out);
    expect(row).toMatchObject({ name: 'web', meshed: { pods: sidecars, of: sidecars }, success: 1 });
    expect(row.tcpConnections).toBe((sidecars - 20) * 4);
    expect(row.latencyMs.p50).toBeCloseTo(2.5, 6);
    const warnings = err.trimEnd().split('\n');
    expect(warnings).toHaveLength(11);
    expect(warnings[0]).toMatch(/^warning: the sidecar of shop\/web-abc-\d+ is not counted: .*: 404/);
    expect(warnings[10]).toBe('warning: nor are 10 more, of 20 in all');
  } finally {
    cluster.close();
  }
}, 240_000);
