import type { Duration } from '@bufbuild/protobuf/wkt';
import type { HttpMethod, Scheme } from '../../api/gen/http_types_pb.js';
import { type Headers, HttpMethod_Registered, Scheme_Registered } from '../../api/gen/http_types_pb.js';
import type { Metadata } from '../../api/gen/meta_pb.js';
import type { TcpAddress } from '../../api/gen/net_pb.js';
import { type TapEvent, type TapEvent_Http_StreamId, TapEvent_ProxyDirection } from '../../api/gen/tap_pb.js';
import { TapBodies } from '../../api/gen/tulle_pb.js';
import { ipText } from '../../api/ip-text.ts';
import { destinationLabel } from '../../api/tap/observe-request.ts';
import { printable } from '../table.ts';

/** As kubectl calls them, where it has a shorter word. */
const shortNames: Readonly<Record<string, string>> = {
  deployment: 'deploy',
  statefulset: 'sts',
  daemonset: 'ds',
  replicaset: 'rs',
  replicationcontroller: 'rc',
  cronjob: 'cj',
  pod: 'po',
  namespace: 'ns',
};

const grpcStatuses = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];
/** As Go's gRPC writes it. */
export const grpcStatusName = (code: number): string => grpcStatuses[code] ?? `Code(${code})`;

/**
 * An event in a line, as `linkerd viz tap` writes it. `wide`: also whose the two ends are, by the `kind` that is tapped, and
 * what decided about the request.
 */
export function tapLine(event: TapEvent, wide: string | undefined): string {
  const flow = flowText(event);
  const more = wide === undefined ? '' : wideText(event, wide);
  const { event: http } = event;
  const part = http.case === 'http' ? http.value.event : { case: undefined };
  const text = (): string => {
    switch (part.case) {
      case 'requestInit': {
        const { id, method, authority, path } = part.value;
        return `req id=${idText(id)} ${flow} :method=${methodText(method)} :authority=${authority} :path=${path}`;
      }
      case 'responseInit': {
        const { id, httpStatus, sinceRequestInit } = part.value;
        return `rsp id=${idText(id)} ${flow} :status=${httpStatus} latency=${microseconds(sinceRequestInit)}µs`;
      }
      case 'responseEnd': {
        const { id, eos, sinceResponseInit, responseBytes } = part.value;
        const end =
          eos?.end.case === 'grpcStatusCode'
            ? ` grpc-status=${grpcStatusName(eos.end.value)}`
            : eos?.end.case === 'resetErrorCode'
              ? ` reset-error=${eos.end.value}`
              : '';
        return `end id=${idText(id)} ${flow}${end} duration=${microseconds(sinceResponseInit)}µs response-length=${responseBytes}B`;
      }
      default:
        return `unknown ${flow}`;
    }
  };
  return printable(text() + more);
}

/** Which way it went, from whom to whom. */
export function flowText({ proxyDirection, source, sourceMeta, destination, destinationMeta }: TapEvent): string {
  const inbound = proxyDirection === TapEvent_ProxyDirection.INBOUND;
  const tls = (inbound ? sourceMeta : destinationMeta)?.labels['tls'] ?? '';
  return `proxy=${inbound ? 'in ' : 'out'} src=${address(source)} dst=${address(destination)} tls=${tls}`;
}

export function wideText(event: TapEvent, kind: string): string {
  const { sourceMeta, destinationMeta, routeMeta, decision } = event;
  const route = Object.entries(routeMeta?.labels ?? {}).map(([key, value]) => ` rt_${key}=${value}`);
  const authorization = nameOf(decision?.authorization);
  return [
    endText('src', sourceMeta?.labels ?? {}, kind),
    endText('dst', destinationMeta?.labels ?? {}, kind),
    ...route,
    authorization === '' ? '' : ` authz=${authorization}`,
    decision === undefined || decision.traceId === '' ? '' : ` trace=${decision.traceId}`,
    outcomeText(event),
  ].join('');
}

function endText(end: 'src' | 'dst', labels: Readonly<Record<string, string>>, kind: string): string {
  const { pod, namespace, client_id: clientId } = labels;
  const name = labels[destinationLabel(kind)];
  const inNamespace = (of: string | undefined): string => (of === undefined ? '' : ` ${end}_ns=${of}`);
  if (kind !== 'namespace' || name === undefined) {
    // Whose address it is may not be known, but who it proved to be.
    const [account, ofAccount] = /^([^.]+)\.([^.]+)\.serviceaccount\./.exec(clientId ?? '')?.slice(1) ?? [];
    if (pod === undefined && name === undefined) {
      return account === undefined ? inNamespace(namespace) : ` ${end}_sa=${account}${inNamespace(ofAccount)}`;
    }
    const whose = name === undefined ? ` ${end}_pod=${pod}` : ` ${end}_res=${shortNames[kind] ?? kind}/${name}`;
    return whose + inNamespace(namespace);
  }
  return ` ${end}_res=${shortNames[kind]}/${name}`;
}

function outcomeText({ event }: TapEvent): string {
  const part = event.case === 'http' ? event.value.event : undefined;
  const outcome = part?.case === 'responseEnd' ? part.value.outcome : undefined;
  if (outcome === undefined) return '';
  const tries = outcome.tries > 1 ? ` tries=${outcome.tries}` : '';
  return outcome.failure === '' ? tries : `${tries} failure=${outcome.failure} (${outcome.message})`;
}

/** An event as `linkerd viz tap -o json` writes it, with `decision` and `outcome` behind it. */
export function tapJson(event: TapEvent): object {
  const { source, sourceMeta, destination, destinationMeta, routeMeta, proxyDirection, decision, bodies } = event;
  const part = event.event.case === 'http' ? event.event.value.event : undefined;
  const end = (at: TcpAddress | undefined, meta: typeof sourceMeta) => ({
    ip: at?.ip === undefined ? '' : ipText(at.ip),
    port: at?.port ?? 0,
    metadata: meta?.labels ?? null,
  });
  return {
    source: end(source, sourceMeta),
    destination: end(destination, destinationMeta),
    routeMeta: routeMeta?.labels ?? null,
    proxyDirection: TapEvent_ProxyDirection[proxyDirection] ?? 'UNKNOWN',
    ...partJson(part),
    ...(decision === undefined
      ? {}
      : {
          decision: {
            route: nameOf(decision.route) || undefined,
            parent: nameOf(decision.parent) || undefined,
            authorization: nameOf(decision.authorization) || undefined,
            traceId: decision.traceId || undefined,
          },
        }),
    ...(bodies === TapBodies.UNKNOWN ? {} : { bodies: TapBodies[bodies] }),
    ...(event.missedEvents > 0n ? { missedEvents: Number(event.missedEvents) } : {}),
  };
}

type Part = Extract<TapEvent['event'], { case: 'http' }>['value']['event'] | undefined;

function partJson(part: Part): object {
  switch (part?.case) {
    case 'requestInit': {
      const { id, method, scheme, authority, path, headers } = part.value;
      return {
        requestInitEvent: {
          id: idJson(id),
          method: methodText(method),
          scheme: schemeText(scheme),
          authority,
          path,
          headers: headersJson(headers),
        },
      };
    }
    case 'responseInit': {
      const { id, sinceRequestInit, httpStatus, headers } = part.value;
      return {
        responseInitEvent: {
          id: idJson(id),
          sinceRequestInit: durationJson(sinceRequestInit),
          httpStatus,
          headers: headersJson(headers),
        },
      };
    }
    case 'responseEnd': {
      const { id, sinceRequestInit, sinceResponseInit, responseBytes, trailers, eos, outcome } = part.value;
      return {
        responseEndEvent: {
          id: idJson(id),
          sinceRequestInit: durationJson(sinceRequestInit),
          sinceResponseInit: durationJson(sinceResponseInit),
          responseBytes: Number(responseBytes),
          trailers: headersJson(trailers),
          grpcStatusCode: eos?.end.case === 'grpcStatusCode' ? eos.end.value : 0,
          ...(eos?.end.case === 'resetErrorCode' ? { resetErrorCode: eos.end.value } : {}),
        },
        ...(outcome === undefined
          ? {}
          : {
              outcome: {
                tries: outcome.tries,
                failure: outcome.failure || undefined,
                message: outcome.message || undefined,
              },
            }),
      };
    }
    default:
      return {};
  }
}

function address(at: TcpAddress | undefined): string {
  const ip = at?.ip === undefined ? '' : ipText(at.ip);
  return `${ip.includes(':') ? `[${ip}]` : ip}:${at?.port ?? 0}`;
}

const idText = (id: TapEvent_Http_StreamId | undefined): string => `${id?.base ?? 0}:${id?.stream ?? 0}`;
const idJson = (id: TapEvent_Http_StreamId | undefined) => ({ base: id?.base ?? 0, stream: Number(id?.stream ?? 0) });

export function methodText(method: HttpMethod | undefined): string {
  if (method?.type.case === 'registered') return HttpMethod_Registered[method.type.value] ?? '';
  return method?.type.value ?? '';
}

function schemeText(scheme: Scheme | undefined): string {
  if (scheme?.type.case === 'registered') return Scheme_Registered[scheme.type.value] ?? '';
  return scheme?.type.value ?? '';
}

const nameOf = (metadata: Metadata | undefined): string => {
  const kind = metadata?.kind;
  if (kind?.case === 'default') return kind.value;
  return kind?.case === 'resource' ? `${kind.value.kind.toLowerCase()}/${kind.value.name}` : '';
};

/** Whole ones. */
export const microseconds = (duration: Duration | undefined): number =>
  duration === undefined ? 0 : Number(duration.seconds) * 1_000_000 + Math.floor(duration.nanos / 1000);

const durationJson = (duration: Duration | undefined) =>
  duration === undefined
    ? null
    : {
        ...(duration.seconds === 0n ? {} : { seconds: Number(duration.seconds) }),
        ...(duration.nanos === 0 ? {} : { nanos: duration.nanos }),
      };

const headersJson = (headers: Headers | undefined) =>
  headers?.headers.map(({ name, value }) => ({ name, valueStr: Buffer.from(value).toString('utf8') })) ?? null;
