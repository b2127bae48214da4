import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { V1Status } from '@kubernetes/client-node';
import { ApiError } from './api.ts';
import type { InJson } from './in-json.ts';

/** What the API server answers instead of an object. */
export type Status = InJson<V1Status>;

/** An answer that is an error. `title` says what was asked. */
export function statusError(
  title: string,
  { statusCode = 0, headers }: { readonly statusCode?: number; readonly headers: IncomingHttpHeaders },
  body: string,
): ApiError {
  let status: Status = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) status = parsed;
  } catch {
    // A proxy on the way, or the server before it is ready, answers in plain text.
    status = { message: body.trim().slice(0, 500) };
  }
  const header = Number(headers['retry-after']);
  return fromStatus(title, { ...status, code: statusCode }, header > 0 ? header : undefined);
}

/** Nobody waits for ever because one answer says so; and what overflows a timer would not be waited for at all. */
const longestRetrySeconds = 3600;

/** A Status as an error; those of a watch come in its stream instead of an answer. */
export function fromStatus(title: string, status: Status, retryAfterSeconds?: number): ApiError {
  const { code = 0, reason = '', message = '' } = status;
  const seconds = retryAfterSeconds ?? status.details?.retryAfterSeconds;
  return new ApiError(code, reason, `${title}: ${[code, reason, message].filter(Boolean).join(' ')}`, {
    call: title,
    retryAfterMs: seconds === undefined || !(seconds > 0) ? undefined : Math.min(seconds, longestRetrySeconds) * 1000,
  });
}

/** Reads a body as text. Rejects when it is longer than `maxBytes` or breaks off. */
export function readBody(response: Readable, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > maxBytes) response.destroy(new Error(`the answer has more than ${maxBytes} bytes`));
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    response.on('error', reject);
    response.on('close', () => reject(new Error('the connection closed in the middle of the answer')));
  });
}
