import { Counter, type Registry } from 'prom-client';
import { findAnnotation, injectAnnotation, linkerdInjectAnnotation } from '../../lib/contract/annotations.ts';
import { settings } from '../../lib/inject/annotations.ts';
import type { Metadata } from '../../lib/inject/index.ts';

export interface Admission {
  /** `deployment`; empty when nothing owns the object. */
  readonly ownerKind: string;
  readonly namespace: Metadata;
  readonly object: Metadata | undefined;
  /** Why it has no sidecar; undefined when it was changed. */
  readonly skipped?: readonly string[];
}

/** Namespaces come and go, so the number of combinations is bounded. */
const maxSeries = 2000;

/** Whoever creates a pod says what owns it: of other kinds it is only told that they are others. */
const ownerKinds: ReadonlySet<string> = new Set([
  '',
  'cronjob',
  'daemonset',
  'deployment',
  'job',
  'node',
  'replicaset',
  'replicationcontroller',
  'statefulset',
]);

/** The reasons of `decide`, as Linkerd names them in `skip_reason` (linkerd2 pkg/inject/report.go). */
const skipReasons: readonly (readonly [RegExp, string])[] = [
  [/^hostNetwork/, 'host_network_enabled'],
  [/has a sidecar/, 'sidecar_already_exists'],
  [/^neither/, 'injection_enable_annotation_absent'],
  [/^pod has the annotation/, 'injection_disable_annotation_present'],
  [/^invalid.*at workload$/, 'invalid_inject_annotation_at_workload'],
  [/^invalid.*at namespace$/, 'invalid_inject_annotation_at_ns'],
];

/**
 * Counts admissions as Linkerd's injector does (linkerd2 controller/proxy-injector/metrics.go), but for the values of
 * annotations: every pod may read the metrics, and a value may be secret. Which settings were made is counted by name.
 */
export class InjectorMetrics {
  private readonly requests: Counter;
  private readonly responses: Counter;
  private readonly settings: Counter<'setting'>;
  private readonly series = new Set<string>();

  constructor(registry: Registry) {
    const common = ['owner_kind', 'namespace', 'annotation_at'];
    const registers = [registry];
    this.requests = new Counter({
      name: 'proxy_inject_admission_requests_total',
      help: 'Objects that the API server sent.',
      labelNames: common,
      registers,
    });
    this.responses = new Counter({
      name: 'proxy_inject_admission_responses_total',
      help: 'What became of them.',
      labelNames: [...common, 'skip', 'skip_reason'],
      registers,
    });
    this.settings = new Counter({
      name: 'proxy_inject_admission_settings_total',
      help: 'Objects that were sent with a setting, of their own or of their namespace.',
      labelNames: ['setting'],
      registers,
    });
  }

  request(admission: Admission): void {
    this.requests.inc(this.bounded('request', labelsOf(admission)));
    for (const { name, keys } of settings) {
      const set = findAnnotation(admission.object, keys) ?? findAnnotation(admission.namespace, keys);
      if (set !== undefined) this.settings.inc({ setting: name });
    }
  }

  response(admission: Admission): void {
    const { skipped } = admission;
    this.responses.inc(
      this.bounded('response', {
        ...labelsOf(admission),
        skip: String(skipped !== undefined),
        skip_reason: (skipped ?? []).map(reasonCode).join(','),
      }),
    );
  }

  /** Beyond the bound, without what users choose. */
  private bounded(metric: string, labels: Record<string, string>): Record<string, string> {
    const key = `${metric} ${JSON.stringify(labels)}`;
    if (this.series.has(key)) return labels;
    if (this.series.size >= maxSeries) {
      const { skip, skip_reason } = labels;
      return { namespace: 'other', ...(skip === undefined ? {} : { skip, skip_reason }) };
    }
    this.series.add(key);
    return labels;
  }
}

function labelsOf({ ownerKind, namespace, object }: Admission): Record<string, string> {
  return {
    owner_kind: ownerKinds.has(ownerKind) ? ownerKind : 'other',
    namespace: namespace.name ?? '',
    annotation_at: annotationAt(namespace, object),
  };
}

function annotationAt(namespace: Metadata, object: Metadata | undefined): string {
  const keys = [injectAnnotation, linkerdInjectAnnotation];
  if (findAnnotation(object, keys) !== undefined) return 'workload';
  return findAnnotation(namespace, keys) !== undefined ? 'namespace' : '';
}

const reasonCode = (reason: string): string =>
  skipReasons.find(([pattern]) => pattern.test(reason))?.[1] ?? 'unsupported_resource';
