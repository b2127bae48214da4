import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const needed = ['etcd', 'kube-apiserver', 'kubectl'];

/**
 * The folder with etcd, kube-apiserver and kubectl: that of TULLE_CLUSTER_BIN, else the cache that `npm run test:cluster`
 * builds into, else one on PATH. Undefined when there is none.
 */
export function clusterBinaries(env = process.env): string | undefined {
  const cache = join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tulle');
  const cached = existsSync(cache)
    ? readdirSync(cache)
        .filter((name) => name.startsWith('cluster-'))
        .flatMap((name) => [join(cache, name), join(cache, name, 'bin')])
    : [];
  const folders = [env['TULLE_CLUSTER_BIN'], ...cached, ...(env['PATH'] ?? '').split(delimiter)];
  return folders.find((folder) => folder && needed.every((name) => isProgram(join(folder, name))));
}

/** Why tests against an API server do not run here. */
export const noClusterBinaries = `no ${needed.join(', ')}: set TULLE_CLUSTER_BIN, or build them with npm run test:cluster`;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
