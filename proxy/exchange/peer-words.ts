import { Field, FieldMark, fieldValue } from '../wire/field.ts';
import { withFields, withoutMeshFields } from '../wire/heads.ts';
import type { ResponseHead, ServerStream } from '../wire/stream.ts';
import { printable } from './answer.ts';

/**
 * What 426 asks for has no place in HTTP/2 (RFC 9113 section 8.2.2), by which HTTP/1 is carried between two proxies: it
 * goes as a field of ours, which Linkerd's proxy takes for one of the mesh too.
 */
const upgradeName = 'l5d-orig-upgrade';
const upgradeRequired = 426;

/**
 * The head of a response as the client gets it. What its proxy says to this one is acted on and goes no further; why it
 * failed the request is told in words of ours, to whom it may be told.
 */
export function passedOn(head: ResponseHead, downstream: ServerStream, tellsWhy: boolean): ResponseHead {
  if (head.status === upgradeRequired) return withUpgrade(head);
  if ((head.marks & FieldMark.mesh) === 0) return head;
  const { fields } = head;
  if (fieldValue(fields, 'l5d-proxy-connection') === 'close') downstream.closeAfterResponse?.();
  const why = tellsWhy ? fieldValue(fields, 'l5d-proxy-error') : undefined;
  const own = withoutMeshFields(head);
  if (why === undefined) return own;
  return withFields(own, [...own.fields, new Field('l5d-proxy-error', `its proxy failed it: ${printable(why)}`)]);
}

function withUpgrade(head: ResponseHead): ResponseHead {
  const own = withoutMeshFields(head);
  // What an application says in our field is not said by a proxy, but means no more than its own.
  const upgrade = head.upgrade ?? fieldValue(head.fields, upgradeName);
  if (upgrade === undefined) return own;
  return { ...withFields(own, [...own.fields, new Field(upgradeName, upgrade)]), upgrade };
}
