import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { type Built, goProgram } from '../go/go-program.ts';

/** A family's type or unit, or a sample, as Prometheus has read it. */
export interface Read {
  readonly family?: string;
  readonly type?: string;
  readonly unit?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
    readonly ms: number;
  };
}

/** Prometheus' own reader of scrapes, built once into the user's cache (ten seconds); `missing` says why there is none. */
export const openMetricsReader = (): Promise<Built> =>
  goProgram({ name: 'openmetrics', module: import.meta.dirname, build: ['build', '.'], timeoutMs: 300_000 });

/** What `program` reads in a scrape. Rejects with what it says of one that breaks the rules of its content type. */
export async function readScrape(program: string, contentType: string, scrape: string): Promise<Read[]> {
  const child = spawn(program, [contentType]);
  child.stdin.on('error', () => {}).end(scrape);
  const [out, problem] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (problem !== '') throw new Error(problem);
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Read);
}
