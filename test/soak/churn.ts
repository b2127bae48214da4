import { setTimeout as sleep } from 'node:timers/promises';
import type { TestMesh } from '../proxy/test-mesh.ts';
import { type Application, ports } from './servers.ts';

/** The Service that is called: its endpoints are written here, and come and go. */
export const serviceName = 'app';
const drainTimeoutMs = 30_000;
const restMs = 1000;

/** Names the workloads that are the Service's endpoints now. */
export function applyEndpoints(mesh: TestMesh, workloads: readonly string[]): void {
  const metadata = { name: serviceName, namespace: 'test' };
  const named = Object.entries(ports).map(([name, port]) => ({ name, port }));
  mesh.apply(
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, annotations: { 'config.tulle.dev/opaque-ports': `${ports.tcp}` } },
      spec: { ports: named },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': serviceName } },
      addressType: 'IPv4',
      ports: named.map((port) => ({ ...port, protocol: 'TCP' })),
      endpoints: workloads.map((workload) => ({
        addresses: [mesh.ip(workload)],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: mesh.podName(workload), namespace: 'test' },
      })),
    },
  );
}

/** What came of it. */
export interface Churn {
  restarts: number;
  readonly failures: string[];
}

/**
 * Takes one endpoint away after the other: waits until its calls are done, restarts its application, and gives it back.
 * No call may fail of that.
 */
export async function churn(
  mesh: TestMesh,
  applications: ReadonlyMap<string, Application>,
  until: AbortSignal,
): Promise<Churn> {
  const workloads = [...applications.keys()];
  const churned: Churn = { restarts: 0, failures: [] };
  while (!until.aborted) {
    const away = workloads[churned.restarts % workloads.length];
    applyEndpoints(mesh, workloads.filter((workload) => workload !== away)); // biome-ignore format: one step
    if (!(await drained(mesh, away))) {
      churned.failures.push(`${away} was still called ${drainTimeoutMs / 1000} s after it left its Service`);
    }
    await applications.get(away)?.restart();
    churned.restarts++;
    applyEndpoints(mesh, workloads);
    await sleep(restMs);
  }
  return churned;
}

/** Whether its calls were done in time. */
async function drained(mesh: TestMesh, workload: string): Promise<boolean> {
  const deadlineMs = Date.now() + drainTimeoutMs;
  while ((await mesh.metric(workload, 'tcp_open_connections', 'direction="inbound"', 'peer="src"')) > 0) {
    if (Date.now() > deadlineMs) return false;
    await sleep(100);
  }
  return true;
}
