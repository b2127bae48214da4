/**
 * The program of the proxy image, one sub-command for each use: `proxy` (also without arguments) is the sidecar,
 * `init` writes the rules that lead connections to it, `validate` proves that they do, `await` ends when it is ready.
 */
import packageJson from '../package.json' with { type: 'json' };
import { commandClock } from './clock.ts';

const write = (line: string): void => {
  process.stdout.write(line);
};

/** Loaded when asked for: a pod waits for `init`, which needs little of the proxy. Each returns its exit code. */
const commands: Record<string, (args: readonly string[]) => Promise<number | undefined>> = {
  proxy: async (args) => (await import('./proxy.ts')).runProxy(args, process.env, write),
  init: async (args) => (await import('./init/init.ts')).init(args, write),
  validate: async (args) => (await import('./validate/validate.ts')).validate(args, write, commandClock),
  await: async (args) => (await import('./await/await-ready.ts')).awaitReady(args, process.env, write, commandClock),
  version: async () => {
    write(`${packageJson.version}\n`);
    return 0;
  },
};

const [name = 'proxy', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  process.stderr.write(`'${name}' is no command of tulle-proxy: write ${Object.keys(commands).join(', ')}\n`);
  process.exit(64);
}
const exitCode = await command(args);
// The sidecar goes on until it is told to stop.
if (exitCode !== undefined) process.exit(exitCode);
