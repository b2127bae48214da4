import { spawn } from 'node:child_process';

/** Runs a program on one core. Rejects with what it said when it fails, or does not end within `timeoutMs`. */
export function runProgram(command: readonly string[], core: number, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', `${core}`, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(out);
      else reject(new Error(`${command.slice(0, 8).join(' ')} ended with ${code ?? 'a timeout'}: ${err || out}`));
    });
  });
}
