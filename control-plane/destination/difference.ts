import type { EndpointRecord, ServiceEndpoint } from './endpoints.ts';

export type Endpoints = ReadonlyMap<string, ServiceEndpoint>;

/** What leads from endpoints that a client knows to those that are. */
export interface Difference {
  /** New ones, and those that are told otherwise now. */
  readonly added: readonly ServiceEndpoint[];
  readonly removed: readonly ServiceEndpoint[];
}

export function difference(before: Endpoints, after: Endpoints): Difference {
  const added: ServiceEndpoint[] = [];
  const removed: ServiceEndpoint[] = [];
  for (const [key, endpoint] of after) {
    const known = before.get(key);
    if (known !== endpoint && (known === undefined || !tellsTheSame(known, endpoint))) added.push(endpoint);
  }
  for (const [key, endpoint] of before) if (!after.has(key)) removed.push(endpoint);
  return { added, removed };
}

function tellsTheSame(a: ServiceEndpoint, b: ServiceEndpoint): boolean {
  return a.zone === b.zone && sameRecord(a.record, b.record);
}

function sameRecord(a: EndpointRecord, b: EndpointRecord): boolean {
  return (
    a === b ||
    (a.ip === b.ip &&
      a.port === b.port &&
      a.weight === b.weight &&
      a.identity === b.identity &&
      a.hint === b.hint &&
      a.transportPort === b.transportPort &&
      sameLabels(a.labels, b.labels))
  );
}

function sameLabels(a: EndpointRecord['labels'], b: EndpointRecord['labels']): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
