import type { CallResult } from './call-result.ts';
import type { CallChange, CallMove, Comparison } from './comparison.ts';
import type { MeshModel } from './mesh-model.ts';
import { type Workload, workloadName } from './workload.ts';

/** A call of a workload to a port of a Service. */
interface SentCall {
  readonly from: string;
  readonly to: string;
  readonly service: string;
  readonly port: number;
  readonly way: string;
  /** Something is there that takes it, or refuses it for what it is. */
  readonly isTaken: boolean;
}

/** See MeshModel.compare. */
export function compare(before: MeshModel, after: MeshModel): Comparison {
  const [was, is] = [permitted(before), permitted(after)];
  const there = new Set(after.workloads);
  const isThere = ({ from, to }: CallChange): boolean => there.has(to) && (from === '*' || there.has(from));
  const [sentBefore, sent] = [sentCalls(before), sentCalls(after)];
  return {
    opened: [...is].filter(([key]) => !was.has(key)).map(([, change]) => change),
    shut: [
      ...[...was].filter(([key, change]) => !is.has(key) && isThere(change)).map(([, change]) => change),
      ...lostCalls(sentBefore, sent),
    ],
    moved: movedCalls(sentBefore, sent),
  };
}

function permitted(model: MeshModel): Map<string, CallChange> {
  const found = new Map<string, CallChange>();
  const { workloads } = model.cluster;
  for (const to of workloads) {
    for (const port of model.portsOf(to)) {
      for (const { route, lets } of model.doorsOf(to, port)) {
        for (const from of [undefined, ...workloads]) {
          if (!lets(from)) continue;
          const change = { from: from === undefined ? '*' : workloadName(from), to: workloadName(to), port, route };
          found.set(JSON.stringify(change), change);
        }
      }
    }
  }
  return found;
}

/** Those that nothing takes any more, though caller and Service are still there. */
function lostCalls(was: ReadonlyMap<string, SentCall>, is: ReadonlyMap<string, SentCall>): CallChange[] {
  return [...is].flatMap(([key, { from, service, port, isTaken }]) =>
    was.get(key)?.isTaken && !isTaken ? [{ from, to: service, port, route: undefined }] : [],
  );
}

function movedCalls(was: ReadonlyMap<string, SentCall>, is: ReadonlyMap<string, SentCall>): CallMove[] {
  return [...is].flatMap(([key, { from, to, way, isTaken }]) => {
    const old = was.get(key);
    const isLost = old?.isTaken && !isTaken;
    return old === undefined || isLost || old.way === way ? [] : [{ from, to, before: old.way, after: way }];
  });
}

/** Where each workload's calls to each Service go: those that are there in both are compared. */
function sentCalls(model: MeshModel): Map<string, SentCall> {
  const found = new Map<string, SentCall>();
  for (const workload of model.cluster.workloads) {
    for (const { metadata, spec } of model.cluster.services) {
      for (const { port } of spec?.ports ?? []) {
        const to = `http://${metadata.name}.${metadata.namespace}:${port}/`;
        const from = workloadName(workload);
        const result = model.call({ from, to });
        const service = `${metadata.namespace}/service/${metadata.name}`;
        const sent = { from, to, service, port, way: wayOf(workload, result), isTaken: isTaken(result) };
        found.set(`${from} ${to}`, sent);
      }
    }
  }
  return found;
}

/** What a sidecar answers where the Service has no endpoint (503), or a route names a backend that is not there (500). */
const nothingThere: ReadonlySet<number | undefined> = new Set([500, 503]);

const isTaken = ({ allowed, backends, status }: CallResult): boolean =>
  allowed || backends.length === 0 || !nothingThere.has(status);

function wayOf({ namespace: own }: Workload, result: CallResult): string {
  const { route, backends, status, mtls } = result;
  const shares = backends.map(
    ({ service, namespace = own, port, share }) => `${Math.round(share * 1000) / 10} % ${namespace}/${service}:${port}`,
  );
  const isSent = shares.length > 0 && isTaken(result);
  const where = isSent ? `${shares.join(', ')}${mtls ? '' : ' in plaintext'}` : `answered ${status}`;
  return route === undefined ? where : `${where} by ${route}`;
}
