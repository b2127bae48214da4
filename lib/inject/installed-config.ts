import { meshConfigMap } from '../contract/names.ts';
import { type InjectConfig, injectConfig } from './config.ts';
import { isRecord, type Manifest } from './kubernetes.ts';

/**
 * How sidecars are injected by the mesh whose install is among some manifests; as by default where none is, or where its
 * values cannot be read, which `problem` says.
 */
export function installedConfig(manifests: readonly Manifest[]): {
  readonly config: InjectConfig;
  readonly problem?: string;
} {
  const install = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata?.name === meshConfigMap);
  if (install === undefined) return { config: injectConfig() };
  const values = isRecord(install.data) ? install.data.values : undefined;
  try {
    return { config: injectConfig(JSON.parse(String(values ?? '')) as InjectConfig) };
  } catch (error) {
    const problem = `ConfigMap ${meshConfigMap}: data.values cannot be read: ${(error as Error).message}`;
    return { config: injectConfig(), problem };
  }
}
