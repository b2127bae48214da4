import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bunProgram, packageRoot } from '../local/package-root.ts';

/**
 * Takes whatever spans come, so that exporting them is measured and keeping them is not. It runs on `core`, where load comes
 * from, too: what it takes of that is load that does not come.
 */
export async function startTraceSink(core: number): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const program = [bunProgram(process.env['PATH'] ?? ''), join(packageRoot, 'bench/programs/trace-sink.ts')];
  const child = spawn('taskset', ['-c', `${core}`, ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, 'line'),
    ended.then(() => {
      throw new Error('what takes spans has ended before it told its port');
    }),
  ]);
  return {
    port: Number(first[0]),
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
