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
    const others = workloads.filter((workload) => workload !== away);
    applyEndpoints(mesh, others);
    // Its calls are done only once no client can make another: one may be about to hear that it ever came back.
    if (!(await inTime(() => isKnown(mesh, others.length)))) {
      churned.failures.push(`the client was not told that ${away} left its Service within ${drainTimeoutMs / 1000} s`);
    }
    if (!(await inTime(() => isQuiet(mesh, away)))) {
      churned.failures.push(`${away} was still called ${drainTimeoutMs / 1000} s after it left its Service`);
    }
    await applications.get(away)?.restart();
    churned.restarts++;
    applyEndpoints(mesh, workloads);
    if (!(await inTime(() => isKnown(mesh, workloads.length)))) {
      churned.failures.push(`the client was not told that ${away} came back within ${drainTimeoutMs / 1000} s`);
    }
    await sleep(restMs);
  }
  return churned;
}

/** Whether the client has heard how many endpoints the Service has. */
async function isKnown(mesh: TestMesh, endpoints: number): Promise<boolean> {
  const known = await Promise.all(
    Object.values(ports).map((port) =>
      mesh.metric(
        'client',
        'outbound_http_balancer_endpoints',
        `authority="${serviceName}.test.svc.cluster.local:${port}"`,
      ),
    ),
  );
  // None are told of a port that nobody calls: whoever does then hears of those that there are.
  return known.every((count) => count === endpoints || count === 0);
}

/** Whether no client has a connection to the workload. */
const isQuiet = async (mesh: TestMesh, workload: string): Promise<boolean> =>
  (await mesh.metric(workload, 'tcp_open_connections', 'direction="inbound"', 'peer="src"')) === 0;

async function inTime(holds: () => Promise<boolean>): Promise<boolean> {
  const deadlineMs = Date.now() + drainTimeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadlineMs) return false;
    await sleep(100);
  }
  return true;
}
