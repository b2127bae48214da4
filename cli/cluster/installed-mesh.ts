import { z } from 'zod';
import type { KubernetesApi } from '../../control-plane/kubernetes/api.ts';
import { getIfThere } from '../../control-plane/kubernetes/shared-object.ts';
import { meshConfigMap } from '../../lib/contract/names.ts';
import type { InjectConfig } from '../../lib/inject/index.ts';
import type { StoredInstall } from '../../lib/mesh/stored-install.ts';
import { CommandError } from '../terminal.ts';

/** What the ConfigMap of an install says. */
export interface InstalledMesh {
  readonly config: InjectConfig;
  readonly stored: StoredInstall;
}

const storedInstall = z.object({
  given: z.looseObject({ namespace: z.string().optional(), settings: z.record(z.string(), z.string()).optional() }),
});
const values = z.looseObject({
  meshNamespace: z.string(),
  trustDomain: z.string(),
  clusterDomain: z.string(),
  clusterNetworks: z.array(z.string()),
  defaults: z.looseObject({ image: z.string(), version: z.string() }),
});

/**
 * The mesh that is installed in `meshNamespace`; undefined when there is none. Rejects with a CommandError when its
 * ConfigMap cannot be read, and with an ApiError when the API server does not give it.
 */
export async function installedMesh(
  api: Pick<KubernetesApi, 'get'>,
  meshNamespace: string,
): Promise<InstalledMesh | undefined> {
  const path = `/api/v1/namespaces/${meshNamespace}/configmaps/${meshConfigMap}`;
  const found = await getIfThere<{ data?: Readonly<Record<string, string>> }>(api, path);
  if (found === undefined) return undefined;
  const read = <T>(key: string, schema: z.ZodType<T>): T => {
    try {
      return schema.parse(JSON.parse(found.data?.[key] ?? ''));
    } catch (error) {
      const cause = error instanceof z.ZodError ? `${error.issues[0].path.join('.')}: ` : '';
      const message = error instanceof z.ZodError ? error.issues[0].message : (error as Error).message;
      throw new CommandError(
        `ConfigMap ${meshNamespace}/${meshConfigMap}: data.${key}: ${cause}${message}. ` +
          `Apply the manifests of 'tulle install --ignore-cluster' with your options again`,
      );
    }
  };
  return {
    config: read('values', values) as unknown as InjectConfig,
    stored: read('install', storedInstall) as StoredInstall,
  };
}
