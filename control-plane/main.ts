/** The control plane's process: `main.ts <component> [flags]`. */
import type { Logger } from 'pino';
import type { Component } from './serving/component.ts';
import { FlagError, Flags } from './serving/flags.ts';
import { componentLog } from './serving/log.ts';

const components: Record<string, (args: string[], log: Logger) => Promise<Component>> = {
  async identity(args, log) {
    const { identityFlags, startIdentity } = await import('./components/identity.ts');
    return startIdentity(Flags.parse(args, identityFlags), log, Date.now, process.env);
  },
  async destination(args, log) {
    const { destinationFlags, startDestination } = await import('./components/destination.ts');
    return startDestination(Flags.parse(args, destinationFlags), log);
  },
  async 'proxy-injector'(args, log) {
    const { injectorFlags, startInjector } = await import('./components/proxy-injector.ts');
    return startInjector(Flags.parse(args, injectorFlags), log);
  },
  async tap(args, log) {
    const { startTap, tapFlags } = await import('./components/tap.ts');
    return startTap(Flags.parse(args, tapFlags), log);
  },
};

const [name = '', ...args] = process.argv.slice(2);
const log = componentLog(name, process.env['TULLE_LOG'] ?? 'info');
const start = Object.hasOwn(components, name) ? components[name] : undefined;
if (start === undefined) {
  process.stderr.write(`usage: main.ts <${Object.keys(components).join('|')}> [flags]\n`);
  process.exit(64);
}

let component: Component | undefined;
let stopping = false;
const stop = (signal: string): void => {
  // What waits for an API server has nothing to end yet.
  if (stopping || component === undefined) process.exit(stopping ? 1 : 0);
  stopping = true;
  log.info({ signal }, 'stopping');
  component.stop().then(
    () => process.exit(0),
    (error: Error) => {
      log.error({ error: error.message }, 'stopping failed');
      process.exit(1);
    },
  );
};
// Before the start, which may take long: the first process of a container is not ended by a signal that it does not take.
process.on('SIGTERM', () => stop('SIGTERM'));
process.on('SIGINT', () => stop('SIGINT'));
process.on('uncaughtException', (error) => {
  log.fatal({ error: error.stack ?? String(error) }, 'unexpected error: restarting is safer than going on');
  process.exit(1);
});

try {
  component = await start(args, log);
} catch (error) {
  const { message } = error as Error;
  log.fatal({ error: message }, 'not started');
  process.exit(error instanceof FlagError ? 64 : 1);
}
