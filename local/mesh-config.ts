import { type InjectConfig, injectConfig, type Manifest } from '../lib/inject/index.ts';
import { objectName } from './manifest-folder.ts';
import type { LocalProblem } from './problem.ts';

/** Where the install keeps what injection needs to know (lib/mesh). */
const configMapName = 'tulle-config';

/**
 * The injection's configuration for a local mesh: that of the install among the manifests, or the defaults, with the
 * addresses of this machine.
 */
export function localConfig(
  objects: readonly Manifest[],
  local: Pick<InjectConfig, 'clusterNetworks' | 'controlPlane'>,
  problems: LocalProblem[],
): InjectConfig {
  const install = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata?.name === configMapName);
  const values = (install?.data as Record<string, string> | undefined)?.values;
  if (install === undefined) return injectConfig(local);
  try {
    return { ...injectConfig(JSON.parse(values ?? '') as InjectConfig), ...local };
  } catch (error) {
    problems.push({
      object: objectName(install),
      field: 'data.values',
      message: `must be the JSON that the install writes there: ${(error as Error).message}. The mesh's defaults are used`,
    });
    return injectConfig(local);
  }
}
