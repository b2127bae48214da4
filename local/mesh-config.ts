import { meshConfigMap } from '../lib/contract/names.ts';
import { type InjectConfig, injectConfig, type Manifest } from '../lib/inject/index.ts';
import { objectName } from './manifest-folder.ts';
import type { LocalProblem } from './problem.ts';

/** The injection's configuration as the install among the manifests has it; without an install, the defaults. */
export function installedConfig(objects: readonly Manifest[], problems: LocalProblem[]): InjectConfig {
  const install = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata?.name === meshConfigMap);
  if (install === undefined) return injectConfig();
  const values = (install.data as Record<string, string> | undefined)?.values;
  try {
    return injectConfig(JSON.parse(values ?? '') as InjectConfig);
  } catch (error) {
    problems.push({
      object: objectName(install),
      field: 'data.values',
      message: `must be the JSON that the install writes there: ${(error as Error).message}. The mesh's defaults are used`,
    });
    return injectConfig();
  }
}
