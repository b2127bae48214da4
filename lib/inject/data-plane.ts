import type { InjectConfig, ProxySettings } from './config.ts';
import type { InjectMode } from './decision.ts';
import type { InjectProblem } from './report.ts';

/** The configuration for the pods of a mode: Linkerd's proxy has no explicit mode, so that these have the mesh's own. */
export function programOf(mode: InjectMode, config: InjectConfig): InjectConfig {
  const { linkerd2: own, ...rest } = config;
  if (mode !== 'explicit' || own === undefined) return config;
  return { ...rest, defaults: { ...config.defaults, ...own } };
}

/** Settings that Linkerd's proxy does not know, by their names. */
const unknown: readonly { readonly name: string; readonly isSet: (settings: ProxySettings) => boolean }[] = [
  { name: 'statsd-address', isSet: ({ statsdAddress }) => statsdAddress !== undefined },
  { name: 'trace-sample-rate', isSet: ({ traceSampleRate }) => traceSampleRate !== undefined },
  {
    name: 'trace-collector-protocol',
    isSet: ({ traceProtocol = 'opentelemetry' }) => traceProtocol !== 'opentelemetry',
  },
];

/** Names of the settings that are set, and do nothing under Linkerd's proxy. */
export const unknownToLinkerd = (settings: ProxySettings): string[] =>
  unknown.filter(({ isSet }) => isSet(settings)).map(({ name }) => name);

/** What was asked of a sidecar that the data plane of the mesh does not do. */
export function dataPlaneProblems(
  mode: InjectMode,
  settings: ProxySettings,
  { linkerd2 }: InjectConfig,
  { object, field }: Pick<InjectProblem, 'object' | 'field'>,
): InjectProblem[] {
  if (linkerd2 === undefined) return [];
  if (mode === 'explicit') {
    return [
      {
        ...{ severity: 'warning', object, field: `${field}["tulle.dev/inject"]` },
        message: "explicit mode is none of Linkerd's proxy, which is the data plane of the mesh",
        consequence: "the pod has the mesh's own",
      },
    ];
  }
  return unknownToLinkerd(settings).map((name) => ({
    ...{ severity: 'warning', object, field: `${field}["config.tulle.dev/${name}"]` },
    message: "is not known to Linkerd's proxy, which is the data plane of the mesh",
    consequence: 'the setting does nothing',
  }));
}
