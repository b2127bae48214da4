/** The sidecar's process. Configured by LINKERD2_PROXY_* alone; see config.ts. */
import packageJson from '../package.json' with { type: 'json' };
import { systemClock } from './clock.ts';
import { ConfigError, type ProxyConfig, readConfig } from './config.ts';
import { Sidecar } from './sidecar.ts';
import { Log } from './telemetry/log.ts';

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

const config = configuration();
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
  sidecar.shutdown(() => process.exit(0));
}

const sidecar = new Sidecar({
  config,
  clock: systemClock,
  wallClockMs: Date.now,
  log,
  version: packageJson.version,
  environment,
  onShutdownRequested: () => shutdown('asked by the admin server'),
});

process.on('SIGTERM', () => shutdown('SIGTERM'));
process.on('SIGINT', () => shutdown('SIGINT'));
process.on('uncaughtException', (error) => {
  // One connection's defect must not take the others with it.
  log.error('unexpected error', { error: error.stack ?? error.message });
});

try {
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
});
