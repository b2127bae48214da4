/**
 * The sidecar's process. Configured by LINKERD2_PROXY_* alone; see config.ts. With several cores it starts itself again
 * as `worker` for each further one.
 */
import { availableParallelism } from 'node:os';
import packageJson from '../package.json' with { type: 'json' };
import { systemClock } from './clock.ts';
import { ConfigError, type ProxyConfig, readConfig } from './config.ts';
import { Sidecar } from './sidecar.ts';
import { Log } from './telemetry/log.ts';
import { workerCount } from './workers/cores.ts';
import { workerArgument } from './workers/messages.ts';
import { WorkerChannel } from './workers/worker-channel.ts';
import { WorkerPool } from './workers/worker-pool.ts';

const environment = process.env;
const write = (line: string): void => {
  process.stdout.write(line);
};

function configuration(): ProxyConfig {
  try {
    return readConfig(environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const log = new Log(
      'info',
      environment['LINKERD2_PROXY_LOG_FORMAT'] === 'json' ? 'json' : 'plain',
      write,
      () => new Date(),
    );
    for (const problem of error.problems) log.error('invalid configuration', { problem });
    process.exit(64);
  }
}

const isWorker = process.argv.at(-1) === workerArgument;

const configured = configuration();
// Only the first process answers for the proxy.
const config = isWorker ? { ...configured, admin: { ...configured.admin, listen: [] } } : configured;
const processes = workerCount(config.cores, availableParallelism());
const log = new Log(config.log.filter, config.log.format, write, () => new Date());

let stopping = false;
function shutdown(reason: string): void {
  if (stopping) process.exit(1);
  stopping = true;
  log.info('shutting down', { reason, graceMs: config.shutdownGraceMs });
  setTimeout(() => {
    log.warn('connections were still open at the end of the grace period');
    process.exit(0);
  }, config.shutdownGraceMs).unref();
  const others = workers?.shutdown() ?? Promise.resolve();
  sidecar.shutdown(() => void others.then(() => process.exit(0)));
}

const workers =
  isWorker || processes === 1
    ? undefined
    : new WorkerPool({
        count: processes - 1,
        command: [process.execPath, ...process.argv.slice(1)],
        environment,
        timers: systemClock,
        random: systemClock.random,
        log,
      });

const sidecar: Sidecar = new Sidecar({
  config,
  clock: systemClock,
  wallClockMs: Date.now,
  log,
  version: packageJson.version,
  environment,
  sharedListeners: processes > 1,
  others: workers,
  onReadyChanged: () => channel?.ready(sidecar.ready),
  onShutdownRequested: () => shutdown('asked by the admin server'),
});

const channel = isWorker
  ? new WorkerChannel(process, {
      metricsText: () => sidecar.metricsText(),
      setLogFilter: (filter) => {
        log.filter = filter;
      },
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
    addresses: [...config.inbound.listen, ...config.outbound.listen, ...config.admin.listen]
      .map(({ host, port }) => `${host}:${port}`)
      .join(','),
  });
  process.exit(1);
}
log.info('started', {
  version: packageJson.version,
  inbound: config.inbound.listen.map(({ host, port }) => `${host}:${port}`).join(','),
  outbound: config.outbound.listen.map(({ host, port }) => `${host}:${port}`).join(','),
  identity: config.identity?.localName,
  explicit: config.explicit,
  processes: isWorker ? undefined : processes,
});
