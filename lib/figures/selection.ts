import { labelText, type Sample } from './exposition.ts';
import type { EdgeRow, FigureQuery, Subject } from './query.ts';
import {
  connectionRouteMetrics,
  deniedMetrics,
  outboundRouteMetrics,
  trafficMetrics,
  wholeRouteMetrics,
} from './traffic.ts';

type Labels = Sample['labels'];

/** What tells a row from the others of its query: of a workload its namespace and name, of a route its Service too, ... */
export type RowNames = readonly string[];

/** Whose sidecar counted. */
export interface Counting {
  /** Its workload, as the query's subject calls it. */
  readonly workload: string;
  /** The row that is its own; undefined where those that count have no rows. */
  readonly row: RowNames | undefined;
  /** Of the sidecar's pod, where a row tells of it. */
  readonly namespace?: string;
  readonly account?: string;
}

/** Which series a query counts, and in which row each. */
export interface Selection {
  readonly metrics: readonly string[];
  /** What stands in each line that is counted, so that the labels of others need not be read. */
  readonly texts: readonly string[];
  /** Undefined: not asked for. */
  rowOf(sample: Sample, counting: Counting): RowNames | undefined;
}

/** The route of requests that none of a profile's routes fits. */
export const defaultRoute = '[DEFAULT]';

/** The series that answer a query. Throws an Error for one that has both `to` and `from`. */
export function selectionOf({ by, subject, to, from }: FigureQuery): Selection {
  if (to !== undefined && from !== undefined)
    throw new Error('a query has either `to` or `from`: each says who counts');
  const calls = { direction: 'outbound', ...(to === undefined ? {} : subjectLabels(to)) };
  switch (by) {
    case 'workload':
    case 'pod': {
      const own = (_: Labels, { row }: Counting): RowNames | undefined => row;
      // A Service has no sidecar: those of its callers count.
      if (from !== undefined || subject.kind === 'service')
        return series({ direction: 'outbound' }, calledOf(by === 'pod' ? 'pod' : subject.kind));
      return series(to === undefined ? { direction: 'inbound' } : calls, own);
    }
    case 'authority':
      return series(calls, ({ authority }) => (authority === undefined ? undefined : [authority]));
    case 'authorization':
      return authorizations();
    case 'inboundRoute':
      return inboundRoutes();
    case 'outboundRoute':
      return outboundRoutes();
    case 'route':
      return routes(to);
    case 'gatewayRoute':
      return gatewayRoutes(subject, to, from);
    case 'edge':
      return {
        metrics: ['request_total', 'tcp_open_total'],
        texts: [],
        rowOf: (sample, counting) => edge(sample, counting, subject.kind),
      };
  }
}

/** The labels that clients put on calls to a subject: what the destination component tells of endpoints. */
export function subjectLabels({ kind, name, namespace = '' }: Subject): Labels {
  if (kind === 'namespace') return { dst_namespace: name ?? namespace };
  return { dst_namespace: namespace, ...(name === undefined ? {} : { [kindLabel(kind)]: name }) };
}

const kindLabel = (kind: string): string => (kind === 'job' ? 'dst_k8s_job' : `dst_${kind}`);

/** The row of what a client called. */
function calledOf(kind: string): (labels: Labels) => RowNames | undefined {
  const label = kind === 'namespace' ? 'dst_namespace' : kindLabel(kind);
  return ({ dst_namespace, [label]: name }) =>
    dst_namespace === undefined || name === undefined ? undefined : [dst_namespace, name];
}

/** What traffic is made of, of the series that have all these labels. */
function series(wanted: Labels, rowOf: (labels: Labels, counting: Counting) => RowNames | undefined): Selection {
  const pairs = Object.entries(wanted);
  // The side that the workload is not: connections are counted on both.
  const peer = wanted.direction === 'outbound' ? 'dst' : 'src';
  return {
    metrics: trafficMetrics,
    texts: pairs.map(([name, value]) => labelText(name, value)),
    rowOf: ({ name: metric, labels }, counting) => {
      if (!pairs.every(([name, value]) => labels[name] === value)) return undefined;
      if (metric.startsWith('tcp_') && labels.peer !== peer) return undefined;
      return rowOf(labels, counting);
    },
  };
}

/** By Server and port, route, and authorization; refusals are of none. */
function authorizations(): Selection {
  return {
    metrics: [...trafficMetrics, ...deniedMetrics],
    texts: ['srv_name='],
    rowOf: ({ name, labels: { direction, peer, srv_name, srv_port, route_name = '', authz_name } }) => {
      const server = `${srv_name}:${srv_port}`;
      if (deniedMetrics.some((denied) => denied === name)) return [server, route_name, ''];
      if (direction !== 'inbound' || authz_name === undefined) return undefined;
      return name.startsWith('tcp_') && peer !== 'src' ? undefined : [server, route_name, authz_name];
    },
  };
}

function inboundRoutes(): Selection {
  return series({ direction: 'inbound' }, (labels, { row = [] }) => {
    const { srv_name, srv_port, route_name = '', route_kind = '', route_group = '' } = labels;
    return srv_name === undefined
      ? undefined
      : [...row, `${srv_name}:${srv_port}`, route_name, route_kind, route_group];
  });
}

function outboundRoutes(): Selection {
  return {
    metrics: outboundRouteMetrics,
    texts: [],
    rowOf: ({ labels }, { row = [] }) => {
      const { parent_name, parent_port, parent_namespace = '', route_name = '', route_kind = '' } = labels;
      const { backend_name, backend_port, route_group = '' } = labels;
      const backend = backend_name === undefined ? '' : `${backend_name}:${backend_port}`;
      return [...row, `${parent_name}:${parent_port}`, parent_namespace, route_name, route_kind, route_group, backend];
    },
  };
}

const routeTries = 'route_actual_response_total';

/** What the tries of a profile's route are counted under, beside its requests. */
export const triesOf = (route: RowNames): RowNames => [...route, 'tries'];

/** Whether it is the one, or one of those, that a query goes to. */
export const isService = (to: Subject, service: string, namespace: string): boolean =>
  (to.name === undefined || to.name === service) && (to.namespace === undefined || to.namespace === namespace);

const responseMetrics = ['response_total', 'response_latency_ms_bucket'];

function routes(to: Subject | undefined): Selection {
  return {
    metrics: [...responseMetrics.map((metric) => `route_${metric}`), routeTries],
    texts: [labelText('direction', 'outbound'), ...(to?.name === undefined ? [] : [`dst="${to.name}.`])],
    rowOf: ({ name, labels: { direction, dst, rt_route = defaultRoute } }) => {
      if (direction !== 'outbound' || dst === undefined) return undefined;
      const [service, namespace = ''] = dst.split(':')[0].split('.');
      if (to !== undefined && !isService(to, service, namespace)) return undefined;
      return name === routeTries ? triesOf([namespace, service, rt_route]) : [namespace, service, rt_route];
    },
  };
}

const bytesRoutes: ReadonlySet<string> = new Set(['tcproute', 'tlsroute']);

/** Of callers alone, where the query says who calls or what is called. */
function gatewayRoutes(
  { kind, namespace, name }: Subject,
  to: Subject | undefined,
  from: Subject | undefined,
): Selection {
  const outbound = bytesRoutes.has(kind) ? connectionRouteMetrics : wholeRouteMetrics;
  const inbound = bytesRoutes.has(kind) || to !== undefined || from !== undefined ? [] : responseMetrics;
  const isAsked = (ofNamespace: string, ofName: string): boolean =>
    (namespace === undefined || ofNamespace === namespace) && (name === undefined || ofName === name);
  return {
    metrics: [...outbound, ...inbound],
    texts: ['route_kind='],
    rowOf: ({ name: metric, labels }, counting) => {
      const { route_kind = '', route_name = '', route_group = '', srv_name, srv_port = '' } = labels;
      if (route_kind.toLowerCase() !== kind) return undefined;
      if (metric.startsWith('outbound_')) {
        const {
          route_namespace = '',
          parent_kind = '',
          parent_namespace = '',
          parent_name = '',
          parent_port = '',
        } = labels;
        if (!isAsked(route_namespace, route_name)) return undefined;
        if (to !== undefined && (parent_name !== to.name || parent_namespace !== to.namespace)) return undefined;
        const parent = [parent_kind.toLowerCase(), parent_namespace, parent_name, parent_port];
        return [route_namespace, route_name, ...parent, route_group];
      }
      // Routes of a Server stand in its namespace, which is that of its pods.
      const own = counting.namespace ?? '';
      if (labels.direction !== 'inbound' || srv_name === undefined || !isAsked(own, route_name)) return undefined;
      return [own, route_name, 'server', own, srv_name, srv_port, route_group];
    },
  };
}

/** What discovery says of who is called, beside its kind that is asked for. */
const ownerKinds = ['deployment', 'statefulset', 'daemonset', 'job', 'replicaset', 'replicationcontroller', 'pod'];

/** Names of an edge, in the order of `edgeOf`; undefined for what is none. */
function edge({ name, labels }: Sample, counting: Counting, kind: string): RowNames | undefined {
  const inbound = labels.direction === 'inbound';
  const peer = (inbound ? labels.client_id : labels.server_id) ?? '';
  if (name === 'tcp_open_total') {
    // A connection without an identity may be a probe of the kubelet: of those, requests tell more.
    if (labels.peer !== (inbound ? 'src' : 'dst') || (inbound && peer === '')) return undefined;
  } else if (labels.route_kind === 'default' && labels.route_name === 'probe') return undefined;
  const insecure = labels.tls === 'true' && peer !== '' ? '' : (labels.no_tls_reason ?? `tls=${labels.tls}`);
  const { workload, namespace = '', account = '' } = counting;
  if (inbound) {
    const [client = '', clientNamespace = ''] = peer.split('.');
    return [client || 'unknown', clientNamespace, workload, namespace, 'target', account, peer, insecure];
  }
  const called = [kind, ...ownerKinds].map((each) => labels[each === 'namespace' ? 'dst_namespace' : kindLabel(each)]);
  const target = called.find(Boolean) || labels.authority || labels.target_addr || 'unknown';
  return [workload, namespace, target, labels.dst_namespace ?? '', 'source', account, peer, insecure];
}

/** A row of an edge by its names. */
export function edgeOf(names: RowNames): Omit<EdgeRow, 'requests' | 'connections'> {
  const [source, sourceNamespace, target, targetNamespace, seenBy, account, peerIdentity, insecure] = names;
  return {
    ...{ source, sourceNamespace, target, targetNamespace, account, peerIdentity },
    seenBy: seenBy === 'source' ? 'source' : 'target',
    insecure: insecure || undefined,
  };
}
