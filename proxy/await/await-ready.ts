import type { Clock, Timers } from '../clock.ts';
import { FlagParser } from '../flag-parser.ts';
import { connect } from '../net/connect.ts';
import { Log } from '../telemetry/log.ts';
import { splitHostPort } from '../wire/host-port.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { nobody } from '../wire/nobody.ts';

/** `EX_UNAVAILABLE` of sysexits.h. */
const notReady = 69;
const pollMs = 100;
const askTimeoutMs = 1000;

/**
 * `tulle-proxy await`: ends once the proxy in this pod is ready, for a `postStart` hook that holds the containers after
 * the proxy back. Returns the exit code: 0, 64 for flags that cannot be read, 69 when the proxy was not ready in time.
 */
export async function awaitReady(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  write: (line: string) => void,
  clock: Clock,
): Promise<number> {
  const flags = new FlagParser(args, ['port', 'timeout'], []);
  const port = flags.integer('port', 1, 65_535) ?? 4191;
  const timeoutMs = flags.durationMs('timeout', 120_000);
  const log = new Log('info', 'plain', write, () => new Date());
  for (const problem of flags.problems) log.error('invalid flag', { problem });
  if (flags.problems.length > 0) return 64;

  const host = adminHost(environment);
  const deadlineMs = clock.nowMs() + timeoutMs;
  let last = '';
  do {
    last = await readiness(host, port, clock);
    if (last === 'ready') return 0;
    await new Promise<void>((resolve) => clock.after(pollMs, resolve));
  } while (clock.nowMs() < deadlineMs);
  log.error('the proxy is not ready: its log says why', { host, port, timeoutMs, last });
  return notReady;
}

/** A hook has the environment of its container: in explicit mode the proxy listens on the pod's address alone. */
function adminHost(environment: Readonly<Record<string, string | undefined>>): string {
  const host = splitHostPort(environment['LINKERD2_PROXY_ADMIN_LISTEN_ADDR'] ?? '')?.host;
  return host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}

/** `ready`, or why not. */
function readiness(host: string, port: number, timers: Timers): Promise<string> {
  return new Promise((resolve) => {
    const timer = timers.after(askTimeoutMs, () => resolve('no answer'));
    const settle = (answer: string): void => {
      timers.cancel(timer);
      resolve(answer);
    };
    connect(
      { host, port, timeoutMs: askTimeoutMs, timers },
      (connection) => {
        let read = '';
        connection.handler = {
          ...nobody,
          onBytes: (bytes) => {
            read += Buffer.from(bytes).toString('latin1');
            const status = /^HTTP\/1\.1 (\d{3}) /.exec(read)?.[1];
            if (status === undefined && read.length < 64) return;
            settle(status === '200' ? 'ready' : `answered with ${status ?? 'something that is not HTTP'}`);
            connection.abort();
          },
          onClose: () => settle('closed the connection'),
        };
        connection.write(
          Buffer.from(`GET /ready HTTP/1.1\r\nhost: ${formatHostPort(host, port)}\r\nconnection: close\r\n\r\n`),
        );
      },
      (_, detail) => settle(detail),
    );
  });
}
