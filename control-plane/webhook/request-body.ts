import type { IncomingMessage } from 'node:http';

/** A call that is not taken, with the status that says why. */
export class RequestRefused extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Of one body. etcd takes objects of 1.5 MB, and a review holds an object twice at the most. */
export const maxBodyBytes = 10 * 1024 * 1024;
/** Of all bodies that are being received. */
export const maxBufferedBytes = 64 * 1024 * 1024;

let bufferedBytes = 0;

/** The body as text. Rejects with RequestRefused when it is too large, broken off, or when too much is held already. */
export function readBody(request: IncomingMessage): Promise<string> {
  const declared = Number(request.headers['content-length'] ?? 0);
  const tooLarge = (): RequestRefused => new RequestRefused(413, `the body must have at most ${maxBodyBytes} bytes`);
  if (declared > maxBodyBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (finish: () => void): void => {
      bufferedBytes -= length;
      length = 0;
      request.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
      request.pause();
      finish();
    };
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      bufferedBytes += chunk.length;
      if (length > maxBodyBytes) settle(() => reject(tooLarge()));
      else if (bufferedBytes > maxBufferedBytes) settle(() => reject(new RequestRefused(503, 'too many large calls')));
      else chunks.push(chunk);
    });
    request.on('end', () => settle(() => resolve(Buffer.concat(chunks).toString('utf8'))));
    request.on('error', () => {}); // `close` follows
    request.on('close', () => settle(() => reject(new RequestRefused(400, 'the body ended early'))));
  });
}
