import { describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';
import type { FigureQuery, GatewayRouteRow, RowsBy } from './query.ts';
import { type Bare, RowTotals } from './rows.ts';
import { selectionOf, subjectLabels } from './selection.ts';
import { type FoldBounds, type FoldReader, foldCounters, foldIncreases } from './sidecar-fold.ts';

const deployments = { kind: 'deployment', namespace: 'shop' };
const byWorkload: FigureQuery<'workload'> = { by: 'workload', subject: deployments };
const web = { workload: 'web', row: ['shop', 'web'], namespace: 'shop' };

function all<T>(reader: FoldReader<T>, text: string): T {
  reader.push(new TextEncoder().encode(text));
  return reader.end();
}

/** The rows that sidecars tell between two texts each, in a window of a second; `undefined`: since they started. */
function rows<By extends keyof RowsBy>(
  query: FigureQuery<By>,
  texts: readonly (readonly [before: string | undefined, after: string])[],
  workloads: readonly string[] = ['web'],
  gatewayRoutes?: readonly Bare<GatewayRouteRow>[],
): RowsBy[By][] {
  const totals = new RowTotals();
  const selection = selectionOf(query);
  for (const [before, after] of texts) {
    const counters = before === undefined ? Counters.none : all(foldCounters(selection, web), before);
    totals.add(all(foldIncreases(selection, web, counters), after), 1000);
  }
  const bare = workloads.map((name) => ({ namespace: 'shop', name, pods: 1, meshedPods: 1 }));
  return totals.rows(query, { workloads: bare, routes: [], gatewayRoutes });
}

const trafficBetween = (before: string, after: string) => rows(byWorkload, [[before, after]])[0].traffic;
const response = (classification: string, value: number | string, direction = 'inbound') =>
  `response_total{direction="${direction}",classification="${classification}"} ${value}\n`;

describe('traffic between two scrapes', () => {
  it('is the increase of inbound counters', () => {
    const before = response('success', 10) + response('failure', 1);
    const after = response('success', 25) + response('failure', 3) + response('success', 99, 'outbound');
    expect(trafficBetween(before, after)).toMatchObject({ successes: 15, failures: 2, rps: 17 });
  });

  it('counts from zero after a restart of the proxy, and for series that are new', () => {
    const after = response('success', 4) + response('failure', 2);
    expect(trafficBetween(response('success', 10), after)).toMatchObject({ successes: 4, failures: 2 });
  });

  it('has nothing of a series that is gone, and all that another has counted', () => {
    const before = response('success', 10) + response('failure', 100);
    expect(trafficBetween(before, response('success', 12))).toMatchObject({ successes: 2, failures: 0 });
  });

  it('counts a series once that is told twice', () => {
    const twice = response('success', 30).repeat(2);
    expect(trafficBetween(response('success', 10).repeat(2), twice)).toMatchObject({ successes: 20 });
    expect(trafficBetween('', twice)).toMatchObject({ successes: 30 });
  });

  it('sums over pods, histograms too', () => {
    const told = (small: number, total: number) =>
      `response_latency_ms_bucket{direction="inbound",le="1"} ${small}\n` +
      `response_latency_ms_bucket{direction="inbound",le="+Inf"} ${total}\n` +
      'tcp_open_connections{direction="inbound",peer="src"} 2\n' +
      'tcp_open_connections{direction="inbound",peer="dst"} 7\n';
    const [{ traffic }] = rows(byWorkload, [
      ['', told(1, 2)],
      ['', told(3, 3)],
    ]);
    expect(traffic.openConnections).toBe(4);
    expect([...traffic.buckets]).toEqual([
      [1, 4],
      [Number.POSITIVE_INFINITY, 5],
    ]);
  });
});

describe('a sidecar that tells what no proxy counts is refused with what it was', () => {
  const bucket = (le: string) => `response_latency_ms_bucket{direction="inbound"${le}} 1\n`;
  it.each([
    [response('success', 'NaN'), 'tells response_total as NaN, which is no count'],
    [response('success', -1), 'tells response_total as -1, which is no count'],
    [response('success', '+Inf'), 'tells response_total as Infinity, which is no count'],
    [response('success', 1e300), 'tells response_total as 1e+300, which is no count'],
    [bucket(',le="x"'), 'tells response_latency_ms_bucket with le="x", which is no bound'],
    [bucket(',le="-1"'), 'tells response_latency_ms_bucket with le="-1", which is no bound'],
    [bucket(''), 'tells response_latency_ms_bucket with le="undefined", which is no bound'],
  ])('%j', (text, message) => {
    const selection = selectionOf(byWorkload);
    expect(() => all(foldCounters(selection, web), text)).toThrow(message);
    expect(() => all(foldIncreases(selection, web, Counters.none), text)).toThrow(message);
  });

  it('but not for what is not asked', () => {
    expect(trafficBetween('', response('success', 'NaN', 'outbound') + response('success', 3))).toMatchObject({
      successes: 3,
    });
  });

  it('nor are more series kept than a sidecar can have', () => {
    const bounds: FoldBounds = { maxSeries: 10 };
    const many = Array.from({ length: 11 }, (_, i) => response(`of-${i}`, 1)).join('');
    const selection = selectionOf(byWorkload);
    expect(() => all(foldCounters(selection, web, bounds), many)).toThrow('tells more than 10 series of what is asked');
  });

  it('nor are more rows made than a sidecar can have a part in', () => {
    const route = (name: string) =>
      `route_response_total{direction="outbound",dst="web.shop:80",rt_route="${name}"} 1\n`;
    const many = Array.from({ length: 11 }, (_, i) => route(`route-${i}`)).join('');
    const reader = foldIncreases(selectionOf({ by: 'route', subject: deployments }), web, Counters.none, {
      maxRows: 10,
    });
    expect(() => all(reader, many)).toThrow('tells of more than 10 rows');
  });
});

describe('calls are counted by who is called', () => {
  const calls = (target: string, value: number) =>
    `response_total{direction="outbound",authority="${target}:80",dst_deployment="${target}",dst_namespace="shop",classification="success"} ${value}\n`;
  const told = calls('db', 4) + calls('cache', 6);

  it('to one of them, for who calls', () => {
    const to = { kind: 'deployment', name: 'cache', namespace: 'shop' };
    expect(rows({ ...byWorkload, to }, [['', told]])).toMatchObject([{ name: 'web', traffic: { rps: 6 } }]);
  });

  it('from somebody, for each that is called', () => {
    const from = { kind: 'deployment', name: 'web', namespace: 'shop' };
    const found = rows({ ...byWorkload, from }, [['', told]], ['db', 'other']);
    expect(found).toMatchObject([
      { name: 'db', traffic: { rps: 4 } },
      { name: 'other', traffic: { rps: 0 } },
    ]);
  });

  it('of a Service, by whoever calls it', () => {
    const told =
      'response_total{direction="outbound",dst_service="db",dst_namespace="shop",classification="success"} 4\n';
    const subject = { kind: 'service', namespace: 'shop' };
    expect(rows({ by: 'workload', subject }, [['', told + response('success', 9)]], ['db', 'web'])).toMatchObject([
      { name: 'db', traffic: { rps: 4 } },
      { name: 'web', traffic: { rps: 0 } },
    ]);
  });

  it('by labels that hang on the kind', () => {
    expect(subjectLabels({ kind: 'job', name: 'once', namespace: 'shop' })).toMatchObject({ dst_k8s_job: 'once' });
    expect(subjectLabels({ kind: 'namespace', name: 'shop', namespace: 'x' })).toEqual({ dst_namespace: 'shop' });
  });

  it('by the name that they are called by', () => {
    expect(rows({ by: 'authority', subject: deployments }, [['', told]])).toMatchObject([
      { authority: 'cache:80', traffic: { successes: 6 } },
      { authority: 'db:80', traffic: { successes: 4 } },
    ]);
  });

  it('never to one and from another at once', () => {
    const query = { ...byWorkload, to: deployments, from: deployments };
    expect(() => selectionOf(query)).toThrow('a query has either `to` or `from`');
  });
});

it('what is let in is counted by the authorization that let it in', () => {
  const labels = 'srv_name="web-http",srv_port="80",route_name="default",authz_name="web"';
  const text =
    `response_total{direction="inbound",${labels},classification="success"} 5\n` +
    'inbound_http_authz_deny_total{srv_name="web-http",srv_port="80",route_name="default"} 3\n';
  expect(rows({ by: 'authorization', subject: deployments }, [['', text]])).toMatchObject([
    { server: 'web-http:80', route: 'default', authorization: '', traffic: { deniedPerSecond: 3, rps: 0 } },
    { server: 'web-http:80', route: 'default', authorization: 'web', traffic: { successes: 5 } },
  ]);
});

it('what comes in is counted by the Server and route that took it', () => {
  const text = (route: string) =>
    `response_total{direction="inbound",srv_name="http",srv_port="80"${route},classification="success"} 5\n`;
  const told = text(',route_kind="httproute",route_name="read"') + text('') + response('success', 3);
  expect(rows({ by: 'inboundRoute', subject: deployments }, [['', told]])).toMatchObject([
    { namespace: 'shop', name: 'web', server: 'http:80', route: '', kind: '', traffic: { rps: 5 } },
    { server: 'http:80', route: 'read', kind: 'httproute', traffic: { rps: 5 } },
  ]);
});

it('what is called is counted by route and by its backends, with latencies, timeouts and retries', () => {
  const route =
    'parent_name="orders",parent_port="80",parent_namespace="shop",route_kind="HTTPRoute",route_name="canary"';
  const told = [
    `outbound_http_route_request_statuses_total{${route},http_status="200",error=""} 6`,
    `outbound_http_route_request_statuses_total{${route},http_status="503",error=""} 1`,
    `outbound_http_route_request_statuses_total{${route},http_status="",error="REQUEST_TIMEOUT"} 1`,
    `outbound_grpc_route_request_statuses_total{${route},grpc_status="NOT_FOUND",error=""} 1`,
    `outbound_grpc_route_request_statuses_total{${route},grpc_status="INTERNAL",error=""} 1`,
    `outbound_http_route_request_duration_seconds_bucket{${route},le="0.05"} 10`,
    `outbound_http_route_request_duration_seconds_bucket{${route},le="+Inf"} 10`,
    `outbound_http_route_retry_requests_total{${route}} 2`,
    `outbound_http_route_backend_response_statuses_total{${route},backend_name="next",backend_port="80",http_status="200",error=""} 7`,
    '',
  ].join('\n');
  const [whole, backend] = rows({ by: 'outboundRoute', subject: deployments }, [['', told]]);
  expect(whole).toMatchObject({
    name: 'web',
    service: 'orders:80',
    serviceNamespace: 'shop',
    route: 'canary',
    backend: '',
  });
  expect(whole.traffic).toMatchObject({ successes: 7, failures: 3, timeouts: 1, retries: 2, rps: 10 });
  expect([...whole.traffic.buckets]).toEqual([
    [50, 10],
    [Number.POSITIVE_INFINITY, 10],
  ]);
  expect(backend).toMatchObject({ backend: 'next:80', traffic: { successes: 7 } });
});

const gateway = 'gateway.networking.k8s.io';

describe('routes of the Gateway API', () => {
  const parent = (name: string, namespace = 'shop') =>
    `parent_kind="Service",parent_name="${name}",parent_namespace="${namespace}",parent_port="80"`;
  const route = (kind: string, name: string) => `route_kind="${kind}",route_namespace="shop",route_name="${name}"`;
  const canary = `${parent('orders')},${route('HTTPRoute', 'canary')}`;
  const told = [
    `outbound_http_route_request_statuses_total{${canary},http_status="200",error=""} 6`,
    `outbound_http_route_request_statuses_total{${canary},http_status="503",error=""} 2`,
    `outbound_http_route_backend_response_statuses_total{${canary},backend_name="next",http_status="200",error=""} 9`,
    `outbound_http_route_request_statuses_total{${parent('bills', 'bank')},${route('HTTPRoute', 'canary')},http_status="200",error=""} 1`,
    `outbound_http_route_request_statuses_total{${parent('orders')},route_kind="default",route_namespace="",route_name="http",http_status="200",error=""} 7`,
    `outbound_grpc_route_request_statuses_total{${parent('orders')},${route('GRPCRoute', 'canary')},grpc_status="OK",error=""} 5`,
    'response_total{direction="inbound",srv_name="web-http",srv_port="8080",route_kind="HTTPRoute",route_name="read",classification="success"} 3',
    `outbound_tcp_route_open_total{${parent('db')},${route('TCPRoute', 'bytes')}} 4`,
    `outbound_tcp_route_close_total{${parent('db')},${route('TCPRoute', 'bytes')},error=""} 2`,
    `outbound_tcp_route_close_total{${parent('db')},${route('TCPRoute', 'bytes')},error="FAIL_FAST"} 1`,
    '',
  ].join('\n');
  const found = (query: Partial<FigureQuery<'gatewayRoute'>>, known?: readonly Bare<GatewayRouteRow>[]) =>
    rows(
      { by: 'gatewayRoute', subject: { kind: 'httproute', namespace: 'shop' }, ...query },
      [['', told]],
      [],
      known,
    ).map(
      ({ name, parentKind, parentNamespace, parent, parentPort, traffic: { successes, failures } }) =>
        `${name} ${parentKind}/${parent}.${parentNamespace}:${parentPort} ${successes} ${failures}`,
    );

  it('are counted whole, by each parent: what callers sent, and what a Server took', () => {
    expect(found({})).toEqual([
      'canary service/bills.bank:80 1 0',
      'canary service/orders.shop:80 6 2',
      'read server/web-http.shop:8080 3 0',
    ]);
    expect(found({ subject: { kind: 'grpcroute' } })).toEqual(['canary service/orders.shop:80 5 0']);
    expect(found({ subject: { kind: 'httproute', namespace: 'other' } })).toEqual([]);
    expect(found({ subject: { kind: 'httproute', namespace: 'shop', name: 'read' } })).toHaveLength(1);
  });

  it('are counted by callers alone where it is said who calls or what is called', () => {
    const orders = { kind: 'service', name: 'orders', namespace: 'shop' };
    expect(found({ to: orders })).toEqual(['canary service/orders.shop:80 6 2']);
    expect(found({ from: deployments })).toEqual([
      'canary service/bills.bank:80 1 0',
      'canary service/orders.shop:80 6 2',
    ]);
  });

  it('of connections tell how many were opened, and how they ended', () => {
    const [{ traffic }] = rows({ by: 'gatewayRoute', subject: { kind: 'tcproute' } }, [['', told]]);
    expect(traffic).toMatchObject({ openedPerSecond: 4, successes: 2, failures: 1 });
  });

  it('have a row without traffic, and are no others than those that are there', () => {
    const bare = { namespace: 'shop', group: gateway, parentKind: 'service', parentNamespace: 'shop', parentPort: '' };
    const known = [
      { ...bare, name: 'canary', parent: 'orders' },
      { ...bare, name: 'unused', parent: 'orders' },
    ];
    expect(found({}, known)).toEqual([
      'canary service/bills.bank:80 1 0',
      'canary service/orders.shop:80 6 2',
      'unused service/orders.shop: 0 0',
    ]);
  });

  it('are told apart by their groups, of which two have an HTTPRoute', () => {
    const counted = (group: string, count: number) =>
      `outbound_http_route_request_statuses_total{route_group="${group}",${canary},http_status="200",error=""} ${count}\n`;
    const text = counted(gateway, 4) + counted('policy.linkerd.io', 2);
    const asked = { by: 'gatewayRoute', subject: { kind: 'httproute', namespace: 'shop' } } as const;
    const bare = {
      namespace: 'shop',
      name: 'canary',
      parentKind: 'service',
      parentNamespace: 'shop',
      parent: 'orders',
    };
    const known = [
      { ...bare, group: gateway, parentPort: '80' },
      { ...bare, group: 'policy.linkerd.io', parentPort: '80' },
    ];
    for (const those of [known, undefined]) {
      const groups = rows(asked, [['', text]], [], those).map(({ group, traffic }) => [group, traffic.successes]);
      expect(groups).toEqual([
        [gateway, 4],
        ['policy.linkerd.io', 2],
      ]);
    }
  });
});

describe('edges', () => {
  const edges = (labels: string) =>
    rows({ by: 'edge', subject: deployments }, [[undefined, `request_total{${labels}} 7\n`]]);
  const id = (name: string) => `${name}.shop.serviceaccount.identity.tulle.cluster.local`;

  it('are told by who calls and by who is called', () => {
    const called = `direction="outbound",tls="true",server_id="${id('db')}",dst_deployment="db",dst_namespace="shop"`;
    expect(edges(called)).toEqual([
      {
        ...{ source: 'web', sourceNamespace: 'shop', target: 'db', targetNamespace: 'shop', seenBy: 'source' },
        ...{ account: '', peerIdentity: id('db'), requests: 7, connections: 0, insecure: undefined },
      },
    ]);
    expect(edges(`direction="inbound",tls="true",client_id="${id('bot')}"`)).toMatchObject([
      { source: 'bot', sourceNamespace: 'shop', target: 'web', seenBy: 'target', requests: 7, insecure: undefined },
    ]);
  });

  it('name who is called by whatever owns it, else by the name or the address that was called', () => {
    const target = (labels: string) => edges(`direction="outbound",tls="no_identity",${labels}`)[0].target;
    expect(target('dst_statefulset="db",dst_pod="db-0"')).toBe('db');
    expect(target('authority="example.org:80"')).toBe('example.org:80');
    expect(target('target_addr="10.0.0.1:5432"')).toBe('10.0.0.1:5432');
  });

  it('are told by connections where there are no requests; a probe of the kubelet is no edge', () => {
    const text = (labels: string) => `tcp_open_total{${labels}} 3\n`;
    const opaque = text(`direction="outbound",peer="dst",tls="true",server_id="${id('db')}",dst_deployment="db"`);
    const own = text('direction="outbound",peer="src"');
    const probe = `${text('direction="inbound",peer="src",tls="no_identity"')}request_total{direction="inbound",route_kind="default",route_name="probe",tls="no_identity"} 9\n`;
    expect(rows({ by: 'edge', subject: deployments }, [[undefined, opaque + own + probe]])).toMatchObject([
      { source: 'web', target: 'db', requests: 0, connections: 3, insecure: undefined },
    ]);
  });

  it('are insecure in plaintext, and by TLS without a client certificate', () => {
    expect(edges('direction="inbound",tls="no_identity",no_tls_reason="no_tls_from_remote"')).toMatchObject([
      { source: 'unknown', target: 'web', insecure: 'no_tls_from_remote' },
    ]);
    expect(edges('direction="inbound",tls="true",client_id=""')).toMatchObject([{ insecure: 'tls=true' }]);
  });
});
