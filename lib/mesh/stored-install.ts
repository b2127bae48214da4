import { type MeshInstall, type MeshProps, meshInstall } from './mesh-props.ts';

type Json = { readonly [name: string]: unknown };

/**
 * How an install differs from the defaults of the version that made it. A later version applies the differences to its
 * own defaults, so that what nobody has set follows the version.
 */
export interface StoredInstall {
  readonly namespace: string;
  readonly registry?: string;
  readonly version?: string;
  readonly differs: Json;
}

export function storeInstall(install: MeshInstall): StoredInstall {
  const { registry, version } = install;
  const namespace = install.config.meshNamespace;
  return { namespace, registry, version, differs: differences(meshInstall({ namespace, registry, version }), install) };
}

/**
 * The install that was stored, on the defaults of this version, with what `props` change. The version of the images is
 * this one's unless `props` name another. Throws as `meshInstall` does.
 */
export function upgradeInstall(stored: StoredInstall, props: MeshProps = {}): MeshInstall {
  const { namespace } = stored;
  const images = { registry: props.registry ?? stored.registry, version: props.version };
  const defaults = meshInstall({ namespace, ...images });
  const changed = differences(defaults, meshInstall({ ...props, namespace, ...images }));
  return merge(merge(defaults as unknown as Json, stored.differs), changed) as unknown as MeshInstall;
}

/** What of `value` is not as in `base`; lists are told whole. */
function differences(base: object, value: object): Json {
  const known = base as Json;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]): [string, unknown][] => {
      const other = known[name];
      if (isObject(one) && isObject(other)) {
        const inner = differences(other, one);
        return Object.keys(inner).length === 0 ? [] : [[name, inner]];
      }
      return JSON.stringify(one) === JSON.stringify(other) ? [] : [[name, one]];
    }),
  );
}

function merge(base: Json, changes: Json): Json {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    const old = merged[name];
    merged[name] = isObject(value) && isObject(old) ? merge(old, value) : value;
  }
  return merged;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
