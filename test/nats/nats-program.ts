import { type Built, goProgram } from '../go/go-program.ts';

/**
 * The program of this folder, a real NATS server and its clients, built once into the user's cache (half a minute of a
 * core); `missing` says why there is none.
 */
export const natsProgram = (): Promise<Built> =>
  goProgram({ name: 'nats', module: import.meta.dirname, build: ['build', '.'], timeoutMs: 240_000 });
