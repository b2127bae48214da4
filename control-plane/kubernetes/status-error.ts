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
    status = { message: textOf(body) };
  }
  const header = Number(headers['retry-after']);
  return fromStatus(title, { ...status, code: statusCode }, header > 0 ? header : undefined);
}

/** Validations of large objects say much; more is read by nobody. */
const longestMessage = 2000;
const longestText = 300;

/** What was said, in one line that only shows: it stands in messages and logs, whoever has sent it. */
const oneLine = (text: string, longest: number): string => {
  const line = text.replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
};

/** The words of an answer that is no object: of a page (a login, a gateway that failed) those that a browser shows. */
export function textOf(body: string): string {
  const start = body.slice(0, 64 * 1024);
  if (!/^\s*<(?:!doctype|html|head|body)\b/i.test(start)) return oneLine(start, longestText);
  return `an HTML page, as no API server sends one: ${oneLine(shownWords(start), longestText)}`;
}

function shownWords(page: string): string {
  const [before, ...tags] = page.split('<');
  const words = tags.map((tag) => {
    const end = tag.indexOf('>');
    return end < 0 || /^(?:script|style)\b/i.test(tag) ? '' : tag.slice(end + 1);
  });
  return [before, ...words].join(' ');
}

/** Nobody waits for ever because one answer says so; and what overflows a timer would not be waited for at all. */
const longestRetrySeconds = 3600;

/** A Status as an error; those of a watch come in its stream instead of an answer. */
export function fromStatus(title: string, status: Status, retryAfterSeconds?: number): ApiError {
  const { code = 0 } = status;
  const [reason, message] = [status.reason, status.message].map((text) => oneLine(String(text ?? ''), longestMessage));
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
