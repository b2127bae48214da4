import { Agent, createServer, request, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh } from '../proxy/test-mesh.ts';
import { guideAnnotations } from './guide.ts';
import { type Started, type StoredSpan, startJaeger, startZipkin, type TraceServer } from './servers.ts';
import { expectWithin, inOrder } from './tree.ts';

const port = 8080;

/** What an application passes on of the trace that it is called in. */
const passedOn = ['traceparent', 'tracestate', 'b3'];

/** Answers what the last part of the path says; called with several, it calls `next` with the rest. */
function hop(next: (() => string) | undefined, proxy: () => string): Server {
  let calls = 0;
  return createServer((asked, response) => {
    const [, first, ...rest] = (asked.url ?? '/').split('/');
    if (next === undefined || rest.length === 0) {
      // Every second call fails, for a request that is tried again.
      response.writeHead(first === 'once' ? (++calls % 2 === 1 ? 503 : 200) : Number(first) || 200).end();
      return;
    }
    const headers = Object.fromEntries(
      passedOn.flatMap((name) => (asked.headers[name] === undefined ? [] : [[name, String(asked.headers[name])]])),
    );
    call(proxy(), `http://${next()}:${port}/${rest.join('/')}`, headers).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(502).end(),
    );
  });
}

function call(proxy: string, url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const asked = request({ host: proxy, port: 4140, path: url, headers, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const retried = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'retried', namespace: 'test', annotations: { 'retry.linkerd.io/http': '5xx' } },
  spec: {
    parentRefs: [{ group: 'core', kind: 'Service', name: 'back', port }],
    rules: [{ backendRefs: [{ name: 'back', port }] }],
  },
};

describe.each([
  ['Zipkin', startZipkin, 'zipkin'],
  ['Jaeger, by OTLP over gRPC', startJaeger, 'opentelemetry'],
  ['Jaeger, by OTLP over HTTP', startJaeger, 'otlp-http'],
] as const)('a chain of real sidecars as %s tells it', (_name, start, protocol) => {
  let traces: Started;
  let mesh: TestMesh | undefined;

  beforeAll(async () => {
    traces = await start();
    if ('missing' in traces) return;
    const annotations = guideAnnotations(protocol, traces.server.ports[protocol]);
    mesh = await TestMesh.start(
      [
        { name: 'client', annotations },
        { name: 'front', ports: [port], annotations },
        { name: 'back', ports: [port], annotations },
      ],
      [retried],
    );
    const made = mesh;
    await mesh.serve(
      'front',
      port,
      hop(
        () => 'back.test.svc.cluster.local',
        () => made.ip('front'),
      ),
    );
    await mesh.serve(
      'back',
      port,
      hop(undefined, () => made.ip('back')),
    );
    await mesh.ready();
  }, 1_200_000);

  afterAll(async () => {
    await mesh?.stop();
    if ('server' in traces) await traces.server.stop();
  }, 60_000);

  let ids = 0;
  /** Asks the client's sidecar for a path of the chain, as part of a trace of its own. */
  async function traced(path: string): Promise<{ status: number; traceId: string }> {
    const traceId = `4bf92f3577b34da6a3ce929d0e0e${(0x1000 + ids++).toString(16)}`;
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
    const status = await call(
      (mesh as TestMesh).ip('client'),
      `http://front.test.svc.cluster.local:${port}/${path}`,
      headers,
    );
    return { status, traceId };
  }

  /** Its spans once there are `count`, each behind its parent. */
  async function spansOf(traceId: string, count: number): Promise<readonly StoredSpan[]> {
    const { server } = traces as { server: TraceServer };
    const spans = await vi.waitFor(
      async () => {
        const found = await server.trace(traceId);
        expect(found.length).toBe(count);
        return found;
      },
      { timeout: 20_000, interval: 100 },
    );
    return inOrder(spans, '00f067aa0ba902b7');
  }

  const shown = (spans: readonly StoredSpan[]): unknown[] =>
    spans.map(({ service, kind, isError }) => [service, kind, isError ? 'error' : 'well']);

  it('shows each hop below the one before it', async (context) => {
    if ('missing' in traces) return context.skip(traces.missing);
    const { status, traceId } = await traced('x/200');
    expect(status).toBe(200);
    const spans = await spansOf(traceId, 4);
    expect(shown(spans)).toEqual([
      ['client', 'client', 'well'],
      ['front', 'server', 'well'],
      ['front', 'client', 'well'],
      ['back', 'server', 'well'],
    ]);
    expectWithin(spans);
    expect(spans[3].attributes).toMatchObject({
      'http.response.status_code': '200',
      'url.path': '/200',
      'tulle.client.identity': 'front.test.serviceaccount.identity.tulle.cluster.local',
    });
    expect(spans[2].attributes).toMatchObject({
      'tulle.route': 'HTTPRoute/retried',
      'tulle.server.identity': 'back.test.serviceaccount.identity.tulle.cluster.local',
    });
  });

  it('shows each try of a request that is tried again, and which of them failed', async (context) => {
    if ('missing' in traces) return context.skip(traces.missing);
    const { status, traceId } = await traced('x/once');
    expect(status).toBe(200);
    const spans = await spansOf(traceId, 7);
    expect(shown(spans)).toEqual([
      ['client', 'client', 'well'],
      ['front', 'server', 'well'],
      ['front', 'internal', 'well'],
      ['front', 'client', 'error'],
      ['back', 'server', 'error'],
      ['front', 'client', 'well'],
      ['back', 'server', 'well'],
    ]);
    expectWithin(spans);
    expect(spans[2].attributes['tulle.tries']).toBe('2');
    expect(spans[5].attributes['http.request.resend_count']).toBe('1');
  });

  it('shows where a request failed', async (context) => {
    if ('missing' in traces) return context.skip(traces.missing);
    const { status, traceId } = await traced('404');
    expect(status).toBe(404);
    const spans = await spansOf(traceId, 2);
    // What is wrong of a client is no failure of the server.
    expect(shown(spans)).toEqual([
      ['client', 'client', 'error'],
      ['front', 'server', 'well'],
    ]);
    expect(spans[0].attributes['error.type']).toBe('404');
  });
});
