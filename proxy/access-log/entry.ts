import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import { asciiJson, escaped } from '../wire/ascii.ts';
import type { OutputBuffer } from '../wire/output-buffer.ts';
import type { RequestHead } from '../wire/stream.ts';

/** What the access log tells of one request. What clients wrote stands in it as they wrote it. */
export interface Entry {
  readonly head: RequestHead;
  readonly origin: Origin;
  /** What decided; undefined where nothing did. */
  readonly decided: Decided | undefined;
  /** When the head of the request came, in milliseconds since the epoch. */
  readonly startedMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** 0: the client had gone before it was answered. */
  readonly status: number;
  /** -1 where it is not gRPC, or did not get so far. */
  readonly grpcStatus: number;
  /** From the head of the request to the end of the response, and what of it passed before a try was sent. */
  readonly totalMs: number;
  readonly processingMs: number;
  /** 0: the proxy answered by itself. */
  readonly tries: number;
  /** Why it did not end well, as in docs/errors.md; undefined when it did. */
  readonly error: string | undefined;
}

export type AccessLogFormat = 'apache' | 'json';

/** Writes an entry as a line, behind what `out` has. */
export type LineFormat = (out: OutputBuffer, entry: Entry) => void;

/** Of one value that a client wrote, in characters. */
const mostOfAValue = 2048;

const cut = (text: string): string => (text.length > mostOfAValue ? `${text.slice(0, mostOfAValue)}...` : text);

/** A string of JSON. */
export const quoted = (text: string): string => asciiJson(cut(text));

/** Without what could end the quotes that it stands in, or the line, or steer a terminal. */
export const word = (text: string): string =>
  cut(text).replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f"\\\u007f-\uffff]/g,
    escaped,
  );
