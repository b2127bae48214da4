import { Field, FieldMark, fieldValue } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';

const name = 'l5d-hops';
/** Nobody calls through so many sidecars of one host on purpose. */
export const mostHops = 8;

/**
 * How many outbound listeners of one host a request has been through.
 *
 * A sidecar never leads to its own listeners, and its outbound listener takes connections of its own host only, so a
 * request can go in a circle only between sidecars that share a host: pods on the host's network, or in local mode, under
 * a name whose endpoints are their outbound listeners. There, and only there, it carries its hops: what leaves the host,
 * or goes by the mesh's TLS, which ends at an application, says nothing of them.
 */
export function hopsOf(head: RequestHead): number {
  if ((head.marks & FieldMark.mesh) === 0) return 0;
  const value = fieldValue(head.fields, name);
  if (value === undefined) return 0;
  // What is no such number has been written by nobody who counts.
  return /^\d$/.test(value) ? Number(value) : mostHops;
}

const fieldsByHops = Array.from({ length: mostHops + 1 }, (_, hops) => {
  const field = new Field(name, String(hops));
  field.interned = true;
  return [field] as const;
});

/** What a request says that has come by `head` and goes to this host. */
export const oneMoreHop = (head: RequestHead): readonly Field[] => fieldsByHops[Math.min(hopsOf(head) + 1, mostHops)];
