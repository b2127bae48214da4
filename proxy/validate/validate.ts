import { randomBytes } from 'node:crypto';
import type { Timers } from '../clock.ts';
import { FlagParser } from '../flag-parser.ts';
import { connect } from '../net/connect.ts';
import { type Listener, listen } from '../net/listen.ts';
import { Log, type LogLevel, logLevels } from '../telemetry/log.ts';
import { type SocketAddress, splitHostPort } from '../wire/host-port.ts';
import { formatHostPort, parseIp } from '../wire/ip-network.ts';
import { nobody } from '../wire/nobody.ts';

/** What linkerd2-network-validator ends with when nothing is redirected; the CNI's repair controller looks for it. */
const notRedirected = 95;

/**
 * `tulle-proxy validate`: proves that this pod's outbound connections are redirected, where not `init` but a CNI plugin
 * writes the rules. Listens where the proxy will, connects to an address outside, and must meet itself there, which a
 * random token shows. Returns the exit code: 0, 64 for flags that cannot be read, 95 when the connection was not
 * redirected in time.
 */
export async function validate(
  args: readonly string[],
  write: (line: string) => void,
  timers: Timers,
): Promise<number> {
  const flags = new FlagParser(args, ['connect-addr', 'listen-addr', 'timeout', 'log-level', 'log-format'], []);
  const target = addressOf(flags, 'connect-addr', '1.1.1.1:20001');
  const own = addressOf(flags, 'listen-addr', '0.0.0.0:4140');
  const timeoutMs = flags.durationMs('timeout', 10_000);
  const level = flags.choice<LogLevel>('log-level', logLevels, 'info');
  const format = flags.choice('log-format', ['plain', 'json'], 'plain');
  const log = new Log(flags.problems.length > 0 ? 'info' : level, format, write, () => new Date());
  for (const problem of flags.problems) log.error('invalid flag', { problem });
  if (flags.problems.length > 0) return 64;

  const token = randomBytes(32).toString('hex');
  let listener: Listener | undefined;
  try {
    listener = listen(own.host, own.port, (connection) => {
      connection.handler = nobody;
      connection.write(Buffer.from(token));
      connection.end();
    });
    const answer = await firstBytes(target, token.length, timeoutMs, timers);
    if (answer !== token) throw new Error(`another server answered at ${formatHostPort(target.host, target.port)}`);
    log.info('connections are redirected to the proxy', { connect: formatHostPort(target.host, target.port) });
    return 0;
  } catch (error) {
    log.error('outbound connections are not redirected to the proxy: is the CNI plugin installed on this node?', {
      error: (error as Error).message,
      connect: formatHostPort(target.host, target.port),
      listen: formatHostPort(own.host, own.port),
    });
    return notRedirected;
  } finally {
    listener?.stop();
  }
}

function addressOf(flags: FlagParser, name: string, fallback: string): SocketAddress {
  const text = flags.text(name) ?? fallback;
  const address = splitHostPort(text);
  if (address !== undefined && parseIp(address.host) !== undefined) return address;
  flags.bad(name, text, `must be an IP address and port such as ${fallback}`);
  return splitHostPort(fallback)!;
}

/** What a server says first, until there are `length` bytes or it ends. Rejects when it has not within `timeoutMs`. */
function firstBytes({ host, port }: SocketAddress, length: number, timeoutMs: number, timers: Timers): Promise<string> {
  return new Promise((resolve, reject) => {
    let read = '';
    const timer = timers.after(timeoutMs, () => reject(new Error(`no token within ${timeoutMs} ms`)));
    const settle = (): void => {
      timers.cancel(timer);
      resolve(read);
    };
    connect(
      { host, port, timeoutMs, timers },
      (connection) => {
        connection.handler = {
          ...nobody,
          onBytes: (bytes) => {
            read += Buffer.from(bytes).toString('latin1');
            if (read.length < length) return;
            settle();
            connection.abort();
          },
          onEnd: settle,
          onClose: settle,
        };
      },
      (_, detail) => {
        timers.cancel(timer);
        reject(new Error(detail));
      },
    );
  });
}
