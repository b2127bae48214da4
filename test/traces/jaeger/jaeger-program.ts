import { type Built, goProgram } from '../../go/go-program.ts';

/**
 * Jaeger with a memory of its own, OTLP receivers and its query API, built once into the user's cache (two and a half
 * minutes of two cores, and its modules); `missing` says why there is none.
 */
export const jaegerProgram = (): Promise<Built> =>
  goProgram({
    name: 'jaeger',
    module: import.meta.dirname,
    build: ['build', 'github.com/jaegertracing/jaeger/cmd/all-in-one'],
    timeoutMs: 900_000,
  });
