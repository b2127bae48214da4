import { type Form, longest } from './form.ts';

/** How spans are sent: OTLP over gRPC, as Linkerd's proxies send them, OTLP over HTTP, or Zipkin's v2 JSON. */
export const traceProtocols = ['opentelemetry', 'otlp-http', 'zipkin'] as const;
export type TraceProtocol = (typeof traceProtocols)[number];

/** What stands for a collector where none is wanted, though the mesh or the namespace names one. */
export const noCollector = 'off';

/** `collector.tracing.svc.cluster.local.:4317`, `10.0.0.7:9411`, `[fd00::7]:4317`, or `off`. */
export const traceCollector: Form<string> = {
  read: (text) => {
    if (text === noCollector) return text;
    if (text.length > longest.address * 4) return undefined;
    const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[-A-Za-z0-9.]+):(\d{1,5})$/.exec(text) ?? [];
    return port !== undefined && Number(port) > 0 && Number(port) <= 65_535 ? text : undefined;
  },
  expected: `a host and port such as collector.tracing.svc.cluster.local.:4317, or ${noCollector}`,
};

/** The share of requests of which traces begin: all of them, none, or something between. */
export const sampleRate: Form<number> = {
  read: (text) => {
    const share = /^(?:\d+|\d*\.\d+)$/.test(text) && text.length <= longest.number ? Number(text) : Number.NaN;
    return share <= 1 ? share : undefined;
  },
  expected: 'a number from 0 to 1 such as 0.01',
};
