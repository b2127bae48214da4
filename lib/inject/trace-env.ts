import { identityName, proxyContainerName } from '../contract/names.ts';
import { noCollector } from '../contract/trace-collector.ts';
import type { InjectConfig, ProxySettings } from './config.ts';
import type { EnvVar, Metadata } from './kubernetes.ts';

/** Attributes of the pod are annotations of this prefix (OpenTelemetry's operator reads them, too). */
const attributePrefix = 'resource.opentelemetry.io/';
const mostAttributes = 32;
const longestAttribute = 256;

export interface TraceEnvInput {
  readonly settings: ProxySettings;
  readonly config: InjectConfig;
  /** Of the Deployment, or whatever else makes the pods; undefined where none is known. */
  readonly workload: string | undefined;
  readonly annotations: Metadata['annotations'];
}

/** The variables by which the proxy traces; none where nothing is traced. */
export function traceEnv({ settings, config, workload, annotations }: TraceEnvInput): EnvVar[] {
  const { traceCollector, traceProtocol, traceServiceAccount, traceSampleRate, traceServiceName } = settings;
  if (traceCollector === undefined || traceCollector === noCollector) return [];
  return [
    variable('COLLECTOR_SVC_ADDR', traceCollector),
    ...(traceServiceAccount === undefined
      ? []
      : [variable('COLLECTOR_SVC_NAME', identityName(traceServiceAccount, namespaceOf(traceCollector), config))]),
    variable('PROTOCOL', traceProtocol ?? 'opentelemetry'),
    ...(traceSampleRate === undefined ? [] : [variable('SAMPLE_RATE', `${traceSampleRate}`)]),
    variable('SERVICE_NAME', traceServiceName === undefined ? (workload ?? '$(_pod_sa)') : literal(traceServiceName)),
    variable('EXTRA_ATTRIBUTES', attributesOf(annotations)),
  ];
}

/** That of a Service's name, as Linkerd's injector reads it; of another, the pod's own. */
function namespaceOf(collector: string): string {
  const [host] = collector.split(':');
  const [, namespace] = host.split('.');
  return namespace && !/^[\d.]+$/.test(host) ? namespace : '$(_pod_ns)';
}

function attributesOf(annotations: Metadata['annotations']): string {
  const own = Object.entries(annotations ?? {})
    .filter(([name]) => name.startsWith(attributePrefix) && name.length > attributePrefix.length)
    .slice(0, mostAttributes)
    .map(([name, value]) => [name.slice(attributePrefix.length), literal(String(value))]);
  return [
    ['k8s.namespace.name', '$(_pod_ns)'],
    ['k8s.pod.name', '$(_pod_name)'],
    ['k8s.pod.uid', '$(_pod_uid)'],
    ['k8s.node.name', '$(_pod_nodeName)'],
    ['k8s.container.name', proxyContainerName],
    ...own,
  ]
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');
}

/** A line of its own that Kubernetes expands nothing in. */
const literal = (text: string): string =>
  text
    .slice(0, longestAttribute)
    .replace(/[\r\n]+/g, ' ')
    .replaceAll('$', '$$$$');

const variable = (name: string, value: string): EnvVar => ({ name: `LINKERD2_PROXY_TRACE_${name}`, value });
