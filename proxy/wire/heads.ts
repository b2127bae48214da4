import { type Field, FieldMark, marksOfAll } from './field.ts';
import type { RequestHead, ResponseHead } from './stream.ts';

/** A response's head. `contentLength` is -1 when the body's length is not declared. */
export function responseHead(status: number, contentLength: number, fields: readonly Field[] = []): ResponseHead {
  return { status, contentLength, upgrade: undefined, fields, marks: marksOfAll(fields) };
}

/** A copy of a head with other fields. */
export function withFields<Head extends RequestHead | ResponseHead>(head: Head, fields: readonly Field[]): Head {
  return { ...head, fields, marks: marksOfAll(fields) };
}

/**
 * The head without what proxies tell each other (`l5d-*`): no application may mistake what another says for it. The
 * head itself when there is none, the usual case.
 */
export function withoutMeshFields<Head extends RequestHead | ResponseHead>(head: Head): Head {
  if ((head.marks & FieldMark.mesh) === 0) return head;
  return withFields(head, notOfMesh(head.fields));
}

/** Trailers without what proxies tell each other: some applications read them with the fields of the head. */
export function trailersWithoutMesh(fields: readonly Field[]): readonly Field[] {
  return (marksOfAll(fields) & FieldMark.mesh) === 0 ? fields : notOfMesh(fields);
}

/** Every request that is carried between two proxies comes by here. */
function notOfMesh(all: readonly Field[]): Field[] {
  const fields: Field[] = [];
  for (let i = 0; i < all.length; i++) if ((all[i].marks & FieldMark.mesh) === 0) fields.push(all[i]);
  return fields;
}
