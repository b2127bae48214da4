import type { SessionCarrier, SessionKey } from '../model/affinity.ts';
import { fieldValue } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import { cookieOf } from './affinity.ts';

/**
 * Who has a session, as its client brings it:
 *
 *     session = backend "-" endpoint [ "-" end ]
 *
 * the first two as a hash of their name and address, 32 bits of each, and when it is over, in seconds since the epoch; all
 * in base 36. It is no secret, and a client may write what it likes: one that is not of this form is none.
 */
export interface Session {
  readonly backend: number;
  readonly endpoint: number;
  /** Undefined: never. */
  readonly endS: number | undefined;
}

const form = /^([0-9a-z]{1,7})-([0-9a-z]{1,7})(?:-([0-9a-z]{1,8}))?$/;

/** The session that a request brings, which is not over; undefined where it brings none. */
export function sessionOf({ carrier, timeoutS }: SessionKey, head: RequestHead, wallMs: number): Session | undefined {
  const text = textOf(carrier, head);
  const parts = text === undefined ? null : form.exec(text);
  if (parts === null) return undefined;
  const [, backend, endpoint, end] = parts;
  if ((end === undefined) !== (timeoutS === undefined)) return undefined;
  const endS = end === undefined ? undefined : Number.parseInt(end, 36);
  const nowS = wallMs / 1000;
  // Nobody was told of one that is longer; clocks of proxies may differ by a little.
  if (endS !== undefined && timeoutS !== undefined && (endS <= nowS || endS > nowS + timeoutS + mostSkewS)) {
    return undefined;
  }
  return { backend: Number.parseInt(backend, 36), endpoint: Number.parseInt(endpoint, 36), endS };
}

const mostSkewS = 60;

export function sessionText({ backend, endpoint, endS }: Session): string {
  const end = endS === undefined ? '' : `-${endS.toString(36)}`;
  return `${backend.toString(36)}-${endpoint.toString(36)}${end}`;
}

function textOf(carrier: SessionCarrier, head: RequestHead): string | undefined {
  return carrier.kind === 'header' ? fieldValue(head.fields, carrier.name) : cookieOf(head, carrier.name);
}
