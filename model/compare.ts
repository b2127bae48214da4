import type { CallResult } from './call-result.ts';
import type { CallChange, CallMove, Comparison } from './comparison.ts';
import type { MeshModel } from './mesh-model.ts';
import { type Workload, workloadName } from './workload.ts';

/** See MeshModel.compare. */
export function compare(before: MeshModel, after: MeshModel): Comparison {
  const [was, is] = [permitted(before), permitted(after)];
  const there = new Set(after.workloads);
  const isThere = ({ from, to }: CallChange): boolean => there.has(to) && (from === '*' || there.has(from));
  return {
    opened: [...is].filter(([key]) => !was.has(key)).map(([, change]) => change),
    shut: [...was].filter(([key, change]) => !is.has(key) && isThere(change)).map(([, change]) => change),
    moved: movedCalls(before, after),
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

function movedCalls(before: MeshModel, after: MeshModel): CallMove[] {
  const [was, is] = [sentCalls(before), sentCalls(after)];
  return [...is].flatMap(([key, { from, to, way }]) => {
    const old = was.get(key);
    return old === undefined || old.way === way ? [] : [{ from, to, before: old.way, after: way }];
  });
}

/** Where each workload's calls to each Service go: those that are there in both are compared. */
function sentCalls(model: MeshModel): Map<string, { from: string; to: string; way: string }> {
  const found = new Map<string, { from: string; to: string; way: string }>();
  for (const workload of model.cluster.workloads.filter(({ meshed }) => meshed)) {
    for (const { metadata, spec } of model.cluster.services) {
      for (const { port } of spec?.ports ?? []) {
        const to = `http://${metadata.name}.${metadata.namespace}:${port}/`;
        const from = workloadName(workload);
        found.set(`${from} ${to}`, { from, to, way: wayOf(workload, model.call({ from, to })) });
      }
    }
  }
  return found;
}

function wayOf({ namespace: own }: Workload, { route, backends, status }: CallResult): string {
  const shares = backends.map(
    ({ service, namespace = own, port, share }) => `${Math.round(share * 1000) / 10} % ${namespace}/${service}:${port}`,
  );
  const where = shares.length === 0 ? `answered ${status}` : shares.join(', ');
  return route === undefined ? where : `${where} by ${route}`;
}
