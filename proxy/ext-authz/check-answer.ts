import { fromBinary } from '@bufbuild/protobuf';
import {
  CheckResponseSchema,
  type DeniedHttpResponse,
  HeaderValueOption_HeaderAppendAction as HeaderAppendAction,
  type HeaderValueOption,
  type OkHttpResponse,
} from '../../api/gen/ext_authz_pb.js';
import { claimHeaderProblem } from '../../lib/contract/claim-headers.ts';
import { statusOfHttp } from '../control/grpc/status.ts';
import { Answer } from '../filter/filter.ts';
import { Field } from '../wire/field.ts';
import type { CheckPolicy } from './check-policy.ts';

/** A field that a response gets: in place of those of its name, or behind them. */
export interface ResponseField {
  readonly field: Field;
  readonly overwrites: boolean;
}

/** What an authorizer has said. `leftOut`: how many fields it wrote that may not be written. */
export type Verdict =
  | {
      readonly decision: 'allowed';
      /** In place of what the request has under their names. */
      readonly set: readonly Field[];
      readonly removed: ReadonlySet<string>;
      readonly response: readonly ResponseField[];
      readonly leftOut: number;
    }
  | { readonly decision: 'denied'; readonly answer: Answer; readonly leftOut: number }
  /** It cannot be carried out: `why`. */
  | { readonly decision: 'unreadable'; readonly why: string };

/** Fields of one answer, and the bytes of their names and values. */
const mostFields = 64;
const mostFieldBytes = 16 * 1024;
const mostBodyBytes = 64 * 1024;
/** What a client of gRPC is told at most, in characters. */
const mostMessage = 1024;

const forbidden = 403;
/** Where an authorizer sends somebody to sign in. */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const secrets: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
/** What the proxy itself writes where it answers gRPC. */
const ofGrpc: ReadonlySet<string> = new Set(['content-type', 'grpc-message', 'grpc-status']);

/** Reads the message that an authorizer answered with; `grpc`: whether the request is one of gRPC. */
export function readAnswer(message: Uint8Array, policy: CheckPolicy, grpc: boolean): Verdict {
  const response = parsed(message);
  if (response === undefined) return unreadable('the answer is no CheckResponse');
  const { status, httpResponse } = response;
  // Proto3 leaves out a message that says nothing but 0: an answer without a status is one that lets in, as for Envoy.
  if ((status?.code ?? 0) !== 0) {
    return denied(httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined, grpc);
  }
  return allowed(httpResponse.case === 'okResponse' ? httpResponse.value : undefined, policy);
}

function parsed(message: Uint8Array) {
  try {
    return fromBinary(CheckResponseSchema, message);
  } catch {
    return undefined;
  }
}

const unreadable = (why: string): Verdict => ({ decision: 'unreadable', why });

function allowed(ok: OkHttpResponse | undefined, { headersToBackend }: CheckPolicy): Verdict {
  if (ok === undefined) return { decision: 'allowed', set: [], removed: new Set(), response: [], leftOut: 0 };
  if (ok.queryParametersToSet.length + ok.queryParametersToRemove.length > 0) {
    return unreadable('the answer changes the query, which is not done');
  }
  const bounds = new Bounds();
  // One that is cut short would be another than was given.
  const isTooMuch =
    [...ok.headers, ...ok.responseHeadersToAdd].some((option) => !bounds.take(option)) ||
    ok.headersToRemove.some((name) => !bounds.takeBytes(name.length));
  if (isTooMuch) return unreadable(`the answer has more than ${mostFields} fields or ${mostFieldBytes} bytes of them`);
  let leftOut = 0;
  const set = new Map<string, Field[]>();
  for (const option of ok.headers) {
    const field = fieldOf(option);
    if (field === undefined || !headersToBackend.has(field.name)) {
      leftOut++;
      continue;
    }
    const before = option.append === true ? (set.get(field.name) ?? []) : [];
    set.set(field.name, [...before, field]);
  }
  const removable = ok.headersToRemove.filter((name) => claimHeaderProblem(name) === undefined);
  const response = responseFields(ok.responseHeadersToAdd);
  leftOut += ok.headersToRemove.length - removable.length + ok.responseHeadersToAdd.length - response.length;
  return {
    decision: 'allowed',
    set: [...set.values()].flat(),
    removed: new Set(removable.map((name) => name.toLowerCase())),
    response,
    leftOut,
  };
}

/** What is too much of it is left out: a request that was refused stays refused. */
function denied(response: DeniedHttpResponse | undefined, grpc: boolean): Verdict {
  const code = response?.status?.code ?? forbidden;
  const status = redirects.has(code) || (code >= 400 && code <= 599) ? code : forbidden;
  const bounds = new Bounds();
  const options = response?.headers ?? [];
  const fields: Field[] = [];
  for (const { field, overwrites } of responseFields(options.filter((option) => bounds.take(option)))) {
    if (grpc && ofGrpc.has(field.name)) continue;
    if (overwrites) drop(fields, field.name);
    fields.push(field);
  }
  const leftOut = Math.max(0, options.length - fields.length);
  const body = Buffer.from(response?.body ?? '', 'utf8').subarray(0, mostBodyBytes);
  const hasBody = !grpc && body.length > 0;
  if (hasBody && !fields.some(({ name }) => name === 'content-type')) {
    fields.push(new Field('content-type', 'text/plain; charset=utf-8'));
  }
  const message = grpcMessage(response?.body ?? '') || 'the authorizer refused the request';
  const answer = new Answer(status, statusOfHttp(status), message, fields, undefined, hasBody ? body : undefined);
  return { decision: 'denied', answer, leftOut };
}

const responseFields = (options: readonly HeaderValueOption[]): ResponseField[] =>
  options.flatMap((option) => {
    const field = fieldOf(option);
    if (field === undefined) return [];
    const { append, appendAction } = option;
    const { OVERWRITE_IF_EXISTS, OVERWRITE_IF_EXISTS_OR_ADD } = HeaderAppendAction;
    const byAction = appendAction === OVERWRITE_IF_EXISTS || appendAction === OVERWRITE_IF_EXISTS_OR_ADD;
    return [{ field, overwrites: append === undefined ? byAction : !append }];
  });

/** Undefined for what frames a message, belongs to the mesh, or cannot stand in a field. */
function fieldOf({ header }: HeaderValueOption): Field | undefined {
  if (header === undefined || claimHeaderProblem(header.key) !== undefined) return undefined;
  const { value, rawValue } = header;
  const written = Buffer.from(value === '' ? rawValue : Buffer.from(value, 'utf8'))
    .toString('latin1')
    .trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(written)) return undefined;
  const name = header.key.toLowerCase();
  return new Field(name, written, secrets.has(name));
}

function drop(fields: Field[], name: string): void {
  for (let i = fields.length - 1; i >= 0; i--) if (fields[i].name === name) fields.splice(i, 1);
}

/** `grpc-message` is percent-encoded UTF-8 (grpc/grpc doc/PROTOCOL-HTTP2.md). */
const grpcMessage = (text: string): string =>
  Buffer.from(text.slice(0, mostMessage).trim().toWellFormed(), 'utf8')
    .toString('latin1')
    .replace(/[^\x20-\x24\x26-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

/** What of an answer's fields is taken. */
class Bounds {
  private fields = 0;
  private bytes = 0;

  take({ header }: HeaderValueOption): boolean {
    const { key = '', value = '', rawValue } = header ?? {};
    return this.takeBytes(key.length + Math.max(Buffer.byteLength(value), rawValue?.length ?? 0));
  }

  takeBytes(bytes: number): boolean {
    this.fields++;
    this.bytes += bytes;
    return this.fields <= mostFields && this.bytes <= mostFieldBytes;
  }
}
