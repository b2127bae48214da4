/** The codes of gRPC that are answered with (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const Code = {
  ok: 0,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** How a call ended other than well. */
export class GrpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The trailers of a call: `grpc-message` is percent-encoded UTF-8, without which a newline would end the header. */
export function statusTrailers(code: number, message: string): Record<string, string> {
  if (message === '') return { 'grpc-status': String(code) };
  const bytes = Buffer.from(message.slice(0, maxMessageLength));
  let text = '';
  for (const byte of bytes) {
    text +=
      byte < 0x20 || byte > 0x7e || byte === 0x25
        ? `%${byte.toString(16).padStart(2, '0').toUpperCase()}`
        : String.fromCharCode(byte);
  }
  return { 'grpc-status': String(code), 'grpc-message': text };
}

const maxMessageLength = 1024;

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in milliseconds; undefined when there is none, or it cannot be read. */
export function timeoutMs(text: string | undefined): number | undefined {
  const match = text === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * unitMs[match[2]];
}
