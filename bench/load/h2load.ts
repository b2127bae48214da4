import { runProgram } from './run-program.ts';

export interface H2loadOptions {
  /** `host:port` that is connected to; the URL's authority is what is asked for. */
  readonly target: string;
  readonly url: string;
  readonly grpc: boolean;
  readonly connections: number;
  /** Requests at a time on one connection. */
  readonly streams: number;
  readonly requests: number;
  /** File with a request message for gRPC. */
  readonly messageFile: string;
  /** File with the body of an HTTP/1 request, which is a POST then; undefined for GET. */
  readonly bodyFile: string | undefined;
  readonly core: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
}

/** Sends requests as fast as they are answered. Rejects when one of them fails. */
export async function h2load(options: H2loadOptions): Promise<LoadResult> {
  const { target, url, grpc, connections, streams, requests, messageFile, bodyFile, core } = options;
  const command = [
    'h2load',
    ...['-t', '1', '-c', `${connections}`, '-m', `${streams}`, '-n', `${requests}`, '--connect-to', target],
    ...(grpc ? ['-d', messageFile, '-H', 'content-type: application/grpc', '-H', 'te: trailers'] : ['--h1']),
    ...(bodyFile === undefined ? [] : ['-d', bodyFile]),
    url,
  ];
  return parseH2load(await runProgram(command, core, 90_000));
}

/**
 * Reads h2load's summary. Throws when a request was not answered, or with a status from 300. (h2load does not count
 * answers without a reason phrase as successes, which is what HAProxy makes of HTTP/2.)
 */
export function parseH2load(text: string): LoadResult {
  const finished = /finished in ([\d.]+)(ms|s|m|us)/.exec(text);
  const counts = /requests: (\d+) total, \d+ started, (\d+) done, .* (\d+) errored, (\d+) timeout/.exec(text);
  const statuses = /status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text);
  if (finished === null || counts === null || statuses === null) {
    throw new Error(`h2load said nothing that is known: ${text.slice(-500)}`);
  }
  const [, total, done, errored, timedOut] = counts.map(Number);
  const refused = statuses.slice(1).reduce((sum, count) => sum + Number(count), 0);
  if (total !== done || errored + timedOut + refused > 0) {
    throw new Error(`not all of ${total} requests succeeded: ${text.slice(-800)}`);
  }
  const unit = { us: 1e-6, ms: 1e-3, s: 1, m: 60 }[finished[2] as 's'];
  return { requests: total, seconds: Number(finished[1]) * unit };
}
