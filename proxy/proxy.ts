import { readFileSync, readlinkSync, write as writeFile } from 'node:fs';
import { availableParallelism } from 'node:os';
import packageJson from '../package.json' with { type: 'json' };
import type { WriteBytes } from './access-log/line-sink.ts';
import { systemClock, wallClockMs } from './clock.ts';
import { ConfigError, type ProxyConfig, readConfig } from './config.ts';
import { dropPages } from './net/system-calls.ts';
import { Sidecar } from './sidecar/sidecar.ts';
import { executablePages } from './start-pages.ts';
import { Log } from './telemetry/log.ts';
import { workerCount } from './workers/cores.ts';
import { workerArgument } from './workers/messages.ts';
import { WorkerChannel } from './workers/worker-channel.ts';
import { WorkerPool } from './workers/worker-pool.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Write = (line: string) => void;

/** By then the start is over. Most of the runtime that it read in is not needed again. */
const startOverMs = 3000;

/**
 * `tulle-proxy proxy`: the sidecar, configured by LINKERD2_PROXY_* alone; see config.ts. With several cores it starts
 * itself again as `proxy worker` for each further one. Returns the exit code when it cannot start (64 for a bad
 * configuration), undefined when it runs: it ends the process itself, on a signal.
 */
export function runProxy(args: readonly string[], environment: Environment, write: Write): number | undefined {
  const isWorker = args[0] === workerArgument;
  const configured = configuration(environment, write);
  if (configured === undefined) return 64;
  // Only the first process answers for the proxy.
  const config = isWorker ? answeringNothing(configured) : configured;
  const processes = workerCount(config.cores, availableParallelism());
  const log = new Log(config.log.filter, config.log.format, write, () => new Date());

  let stopping = false;
  const shutdown = (reason: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info('shutting down', { reason, graceMs: config.shutdownGraceMs });
    systemClock.after(config.shutdownGraceMs, () => {
      log.warn('connections were still open at the end of the grace period');
      process.exit(0);
    });
    const others = workers?.shutdown() ?? Promise.resolve();
    sidecar.shutdown(() => void others.then(() => process.exit(0)));
  };

  const workers =
    isWorker || processes === 1
      ? undefined
      : new WorkerPool({
          count: processes - 1,
          command: [...ownProgram(), 'proxy'],
          environment,
          timers: systemClock,
          random: systemClock.random,
          log,
        });

  const sidecar: Sidecar = new Sidecar({
    config,
    clock: systemClock,
    wallClockMs,
    log,
    writeAccessLog,
    version: packageJson.version,
    environment,
    processes,
    others: workers,
    onReadyChanged: () => channel?.ready(sidecar.ready),
    // Once is enough: only a second signal means that somebody will not wait.
    onShutdownRequested: () => {
      if (!stopping) shutdown('asked by the admin server');
    },
  });

  const channel = isWorker
    ? new WorkerChannel(process, {
        metrics: (withExemplars) => sidecar.metrics(withExemplars),
        setLogFilter: (filter) => {
          log.filter = filter;
        },
        tap: (request, report) => sidecar.tap(request, report),
        onOrphaned: () => shutdown('the first process has ended'),
      })
    : undefined;

  process.on('SIGTERM', () => shutdown('SIGTERM'));
  process.on('SIGINT', () => shutdown('SIGINT'));
  process.on('uncaughtException', (error) => {
    // One connection's defect must not take the others with it.
    log.error('unexpected error', { error: error.stack ?? error.message });
  });

  try {
    workers?.start();
    sidecar.start();
  } catch (error) {
    log.error('cannot start: is another process on one of the addresses?', {
      error: (error as Error).message,
      addresses: shownAddresses(
        [config.inbound, config.outbound, config.admin, config.tap].flatMap(({ listen }) => listen),
      ),
    });
    return 1;
  }
  if (!isWorker) tellWithoutEffect(config, log);
  systemClock.after(startOverMs, () => dropStartPages(log));
  log.info('started', {
    version: packageJson.version,
    inbound: shownAddresses(config.inbound.listen),
    outbound: shownAddresses(config.outbound.listen),
    identity: config.identity?.localName,
    explicit: config.explicit,
    processes: isWorker ? undefined : processes,
  });
  return undefined;
}

const answeringNothing = (config: ProxyConfig): ProxyConfig => ({
  ...config,
  admin: { ...config.admin, listen: [] },
  tap: { ...config.tap, listen: [] },
});

/** Not by a stream, which would keep in memory what nobody reads; and not by this thread, which a slow reader would stop. */
const writeAccessLog: WriteBytes = (bytes, done) => writeFile(2, bytes, 0, bytes.length, null, done);

/** Of each variable that is set and changes nothing: a warning, or what is done instead where nothing is missed. */
function tellWithoutEffect({ withoutEffect }: ProxyConfig, log: Log): void {
  for (const { variable, reason, harmless } of withoutEffect) {
    log.log(harmless ? 'debug' : 'warn', 'this variable has no effect', { variable, reason });
  }
}

function configuration(environment: Environment, write: Write): ProxyConfig | undefined {
  try {
    return readConfig(environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const format = environment['LINKERD2_PROXY_LOG_FORMAT'] === 'json' ? 'json' : 'plain';
    const log = new Log('info', format, write, () => new Date());
    for (const problem of error.problems) log.error('invalid configuration', { problem });
    return undefined;
  }
}

/** What the start read of the runtime's program is more than half of an idle sidecar's memory. */
function dropStartPages(log: Log): void {
  try {
    const smaps = readFileSync('/proc/self/smaps', 'utf8');
    for (const range of executablePages(smaps, readlinkSync('/proc/self/exe'))) dropPages(range);
  } catch (error) {
    log.debug('the pages of the start are kept', { error: (error as Error).message });
  }
}

/** How to start this program again: an executable that Bun compiled has its script inside. */
function ownProgram(): string[] {
  const [, script] = process.argv;
  return script.startsWith('/$bunfs/') ? [process.execPath] : [process.execPath, script];
}

const shownAddresses = (addresses: ProxyConfig['inbound']['listen']): string =>
  addresses.map(({ host, port }) => `${host}:${port}`).join(',');
