import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../local/package-root.ts';
import { CommandError } from './terminal.ts';

/** Throws where sidecars and control plane are not at hand, as in the published package. */
export function requireCheckout(command: string): void {
  if (existsSync(join(packageRoot, 'proxy', 'main.ts'))) return;
  throw new CommandError(
    `'tulle ${command}' runs the mesh's own programs, which this package does not have: run it from a checkout, as bin/tulle`,
  );
}
