import type { Attempt } from '../exchange/attempt.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { Field } from '../wire/field.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';

function interned(name: string, value: string): Field {
  const field = new Field(name, value);
  field.interned = true;
  return field;
}

/** Tells the peer's proxy what is carried (linkerd proxy/http/src/orig_proto.rs). */
const origProto = interned('l5d-orig-proto', 'HTTP/1.1');
const absoluteForm = interned('l5d-orig-proto', 'HTTP/1.1; absolute-form');

/** Authorities whose fields are kept: requests of a workload name few. */
const maxKept = 256;
const longestKept = 256;
const kept = new Map<string, readonly Field[]>();

/** What a try is sent by: HTTP/1 goes over HTTP/2 where this proxy may carry it (`http1OverHttp2`) and its peer takes it. */
export function carriedVersion({ exchange, head }: Attempt, info: EndpointInfo, http1OverHttp2: boolean): HttpVersion {
  if (exchange.applicationVersion === 'http2') return 'http2';
  const carried = http1OverHttp2 && info.http2 && head.upgrade === undefined && head.method !== 'CONNECT';
  return carried ? 'http2' : 'http1';
}

/**
 * What an HTTP/1 request says to the peer's proxy when it is carried over HTTP/2. `host` is among it because Linkerd's
 * proxy writes the request to its application from the fields, where `:authority` is none.
 */
export function carriedHttp1(head: RequestHead): readonly Field[] {
  const { authority } = head;
  if (head.absoluteForm) return [absoluteForm, new Field('host', authority)];
  let fields = kept.get(authority);
  if (fields !== undefined) return fields;
  if (authority.length > longestKept) return [origProto, new Field('host', authority)];
  if (kept.size >= maxKept) kept.clear();
  fields = [origProto, interned('host', authority)];
  kept.set(authority, fields);
  return fields;
}
