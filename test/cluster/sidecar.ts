import { parseExposition, type Sample } from '../../lib/figures/exposition.ts';
import type { Kubectl } from './kubectl.ts';

export interface RunningPod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly phase: string; readonly podIP: string };
}

/** Pods of a Deployment that the mesh has injected and that are to stay. */
export async function podsOf(kubectl: Kubectl, deployment: string, namespace: string): Promise<RunningPod[]> {
  const selector = `--selector=linkerd.io/proxy-deployment=${deployment}`;
  const { items } = await kubectl.get<{ items: RunningPod[] }>(['pods', '--namespace', namespace, selector]);
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** What a sidecar measured, by way of the API server. */
export async function sidecarMetrics(kubectl: Kubectl, pod: string, namespace: string): Promise<Metrics> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}:4191/proxy/metrics`;
  return new Metrics(parseExposition(await kubectl.run(['get', '--raw', path])));
}

type Labels = Readonly<Record<string, string>>;

export class Metrics {
  private readonly samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.samples = samples;
  }

  /** The series of a metric that have these labels among theirs. */
  series(name: string, labels: Labels = {}): Sample[] {
    const wanted = Object.entries(labels);
    return this.samples.filter(
      (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
    );
  }

  sum(name: string, labels: Labels = {}): number {
    return this.series(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** The different values that a label has over series of a metric; '' where one does not have it. */
  values(label: string, name: string, labels: Labels = {}): string[] {
    return [...new Set(this.series(name, labels).map((sample) => sample.labels[label] ?? ''))];
  }
}
