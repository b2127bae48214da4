import { FieldMark } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';

/** What the fields of a request say that stands in its line; empty where they do not. */
export interface RequestWords {
  readonly userAgent: string;
  /** What it can be found again by, the most telling first. */
  readonly traceId: string;
}

const telling = FieldMark.userAgent | FieldMark.trace | FieldMark.requestId;
const none: RequestWords = { userAgent: '', traceId: '' };

/** Looks at each field once. Of two of one name the first counts. */
export function wordsOf({ fields, marks }: RequestHead): RequestWords {
  if ((marks & telling) === 0) return none;
  let userAgent: string | undefined;
  let parent: string | undefined;
  let b3TraceId: string | undefined;
  let b3: string | undefined;
  let requestId: string | undefined;
  let amazonId: string | undefined;
  for (let i = 0; i < fields.length; i++) {
    const { name, value, marks: own } = fields[i];
    if ((own & telling) === 0) continue;
    switch (name) {
      case 'user-agent':
        userAgent ??= value;
        break;
      case 'traceparent':
        parent ??= value;
        break;
      case 'x-b3-traceid':
        b3TraceId ??= value;
        break;
      case 'b3':
        b3 ??= value;
        break;
      case 'x-request-id':
        requestId ??= value;
        break;
      case 'x-amzn-trace-id':
        amazonId ??= value;
        break;
    }
  }
  let traceId = b3TraceId ?? b3?.split('-', 1)[0] ?? requestId ?? amazonId ?? '';
  // W3C Trace Context: version, trace id, span id and flags with dashes between them.
  if (parent !== undefined && parent.length >= 35) traceId = parent.slice(3, 35);
  return { userAgent: userAgent ?? '', traceId };
}
