import type { IConstruct } from 'constructs';
import { type InjectConfig, injectConfig } from '../inject/config.ts';

/** The meshes that an app installs, by the root of its tree. */
const installations = new WeakMap<IConstruct, { readonly path: string; readonly config: InjectConfig }[]>();

/** Tells the workloads of the same app how the mesh is configured that will carry them. */
export function registerInstallation(mesh: IConstruct, config: InjectConfig): void {
  const { root } = mesh.node;
  const others = installations.get(root) ?? [];
  installations.set(root, [...others, { path: mesh.node.path, config }]);
}

/**
 * The configuration of the mesh in the same app, or that of a mesh installed with its defaults. Throws when the app
 * installs several that differ: a workload would have to say which one is meant.
 */
export function installationOf(construct: IConstruct): InjectConfig {
  const [first, ...others] = installations.get(construct.node.root) ?? [];
  if (!first) return injectConfig();
  const different = others.find(({ config }) => JSON.stringify(config) !== JSON.stringify(first.config));
  if (different) {
    throw new Error(
      `${construct.node.path} cannot tell its mesh: '${first.path}' and '${different.path}' differ. ` +
        'Keep the workloads of each mesh in an App of their own',
    );
  }
  return first.config;
}
