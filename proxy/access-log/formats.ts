import type { Origin } from '../exchange/origin.ts';
import { objectName, type PolicyLabels } from '../model/policy-labels.ts';
import { type AccessLogFormat, type LineFormat, quoted, word } from './entry.ts';
import { Repeated } from './repeated.ts';
import { wordsOf } from './request-words.ts';

/** Makes what writes lines. They are put together by hand, of parts that are kept as bytes: there is one for every request. */
export const formats: Readonly<Record<AccessLogFormat, () => LineFormat>> = {
  /** As Linkerd's proxy writes it (linkerd/tracing/src/access_log.rs), and behind it what decided. */
  apache: () => {
    const nothingDecided = Buffer.from(' server=- route=- authz=- tries=', 'latin1');
    const repeated = new Repeated({
      client: (origin) => `${addressOf(origin)} ${word(origin.clientIdentity ?? '-')} - [`,
      time: (shown) => `${shown}] "`,
      asked: ({ method, path }, version) => `${word(method)} ${word(path)} ${version}" `,
      named: () => '',
      decided: ({ parent, route, authorization }) =>
        ` server=${nameOf(parent) ?? '-'} route=${nameOf(route) ?? '-'} authz=${nameOf(authorization) ?? '-'} tries=`,
    });
    return (out, { head, origin, decided, startedMs, status, tries, error }) => {
      const { traceId } = wordsOf(head);
      out.append(repeated.client(origin));
      out.append(repeated.time(startedMs));
      out.append(repeated.request(head, '', origin.version).asked);
      out.appendInteger(status);
      out.append(decided === undefined ? nothingDecided : repeated.decided(decided));
      out.appendInteger(tries);
      out.appendLatin1(traceId === '' ? ' trace=-' : ` trace=${word(traceId)}`);
      out.appendLatin1(error === undefined ? '\n' : ` error="${word(error)}"\n`);
    };
  },

  /** The keys are those of Linkerd's proxy; ours come behind. What is no number there is none here. */
  json: () => {
    const repeated = new Repeated({
      client: (origin) =>
        `{"client.addr":"${addressOf(origin)}","client.id":${quoted(origin.clientIdentity ?? '-')},"timestamp":"`,
      time: (shown) => `${shown}","method":`,
      asked: ({ method, path }, version) =>
        `${quoted(method)},"uri":${quoted(path)},"version":"${version}","trace_id":`,
      named: (host, userAgent) => `","user_agent":${quoted(userAgent)},"host":${quoted(host)},"tries":`,
      decided: ({ parent, route, authorization }) =>
        member('server', nameOf(parent)) + member('route', nameOf(route)) + member('authz', nameOf(authorization)),
    });
    return (out, entry) => {
      const { head, origin, decided, grpcStatus, error } = entry;
      const { traceId, userAgent } = wordsOf(head);
      const request = repeated.request(head, userAgent, origin.version);
      out.append(repeated.client(origin));
      out.append(repeated.time(entry.startedMs));
      out.append(request.asked);
      if (traceId !== '') out.appendLatin1(quoted(traceId));
      out.appendLatin1(traceId === '' ? '"","request_bytes":"' : ',"request_bytes":"');
      out.appendInteger(entry.requestBytes);
      out.appendLatin1('","status":');
      out.appendInteger(entry.status);
      out.appendLatin1(',"response_bytes":"');
      out.appendInteger(entry.responseBytes);
      out.appendLatin1('","total_ns":"');
      out.appendInteger(nanoseconds(entry.totalMs));
      out.appendLatin1('","processing_ns":"');
      out.appendInteger(nanoseconds(entry.processingMs));
      out.append(request.named);
      out.appendInteger(entry.tries);
      if (decided !== undefined) out.append(repeated.decided(decided));
      if (grpcStatus >= 0) {
        out.appendLatin1(',"grpc_status":');
        out.appendInteger(grpcStatus);
      }
      out.appendLatin1(error === undefined ? '}\n' : `${member('error', error)}}\n`);
    };
  },
};

const member = (key: string, value: string | undefined): string =>
  value === undefined ? '' : `,"${key}":${quoted(value)}`;

const nameOf = (labels: PolicyLabels | undefined): string | undefined => labels && objectName(labels);

const addressOf = ({ clientAddress, clientPort }: Origin): string =>
  `${clientAddress.includes(':') ? `[${clientAddress}]` : clientAddress}:${clientPort}`;

/** Never below 0: a clock does not go back, but what is counted by two may. */
const nanoseconds = (ms: number): number => Math.max(0, Math.round(ms * 1e6));
