import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');
const modules = join(root, 'node_modules');
export const bunProgram = join(modules, 'bun/bin/bun.exe');
export const nodeProgram = join(modules, 'node/bin/node');

/**
 * Names stay, so that a stack trace says where something went wrong. Node prints the line that threw: one of 200 KB hides
 * the error, and a pipe may not even take it all. The proxy tells of errors by itself, and its text is memory of each pod.
 */
const smaller = { bun: ['--minify-whitespace', '--minify-syntax'], node: ['--minify-syntax'] };

/** Bundles a program and all that it imports into one file for `runtime`, and returns the file's text. */
export function bundle(entry: string, runtime: 'bun' | 'node'): string {
  return execFileSync(bunProgram, ['build', `--target=${runtime}`, '--format=esm', ...smaller[runtime], entry], {
    cwd: root, // paths in the bundle are relative to it
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** A bundle that the kernel starts with `interpreter`, the path of its runtime in the image. */
export function executable(entry: string, runtime: 'bun' | 'node', interpreter: string): string {
  return `#!${interpreter}\n${bundle(entry, runtime).replace(/^#!.*\n/, '')}`;
}
