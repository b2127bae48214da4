import { describe, expect, it } from 'vitest';
import { meshInstall } from '../mesh/install.ts';
import { annotationsOf } from './mesh-options.ts';
import { Tracing } from './tracing.ts';

describe('Tracing', () => {
  it('of a workload stands in its annotations', () => {
    const tracing = Tracing.otlp({
      collector: 'collector.tracing:4317',
      collectorServiceAccount: 'otel',
      sampleRate: 0.01,
      serviceName: 'shop',
    });
    expect(annotationsOf({ tracing })).toEqual({
      'config.tulle.dev/trace-collector': 'collector.tracing:4317',
      'config.tulle.dev/trace-collector-protocol': 'opentelemetry',
      'config.tulle.dev/trace-collector-service-account': 'otel',
      'config.tulle.dev/trace-sample-rate': '0.01',
      'config.tulle.dev/trace-service-name': 'shop',
    });
    expect(annotationsOf({ tracing: Tracing.off() })).toEqual({ 'config.tulle.dev/trace-collector': 'off' });
  });

  it('of the mesh is the default of all sidecars', () => {
    const { defaults } = meshInstall({ tracing: Tracing.zipkin({ collector: 'zipkin:9411' }) }).config;
    expect(defaults).toMatchObject({ traceCollector: 'zipkin:9411', traceProtocol: 'zipkin' });
    const http = meshInstall({ tracing: Tracing.otlpHttp({ collector: 'otel:4318', sampleRate: 1 }) }).config;
    expect(http.defaults).toMatchObject({ traceProtocol: 'otlp-http', traceSampleRate: 1 });
  });

  it('says what cannot be meant', () => {
    expect(() => Tracing.otlp({ collector: 'http://collector' })).toThrow(
      "'collector' (http://collector) must be a host and port such as collector.tracing.svc.cluster.local.:4317, or off",
    );
    expect(() => Tracing.zipkin({ collector: 'a:1', sampleRate: 10 })).toThrow(
      "'sampleRate' (10) must be a number from 0 to 1 such as 0.01",
    );
    expect(() => Tracing.otlp({ collector: 'a:1', serviceName: ' ' })).toThrow(
      "'serviceName' (' ') must not be empty: leave it out for the default",
    );
  });
});
