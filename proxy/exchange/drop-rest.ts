import type { ServerStream, StreamHandler } from '../wire/stream.ts';

/** Takes the rest of a request that has been answered already. */
export function dropRest(stream: ServerStream): StreamHandler {
  return {
    onData: (chunk) => stream.credit(chunk.length),
    onTrailers: () => {},
    onSent: () => {},
    onReset: () => {},
  };
}
