import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { Terminal } from '../terminal.ts';

/** The options that every command which talks to a cluster has. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly as?: string;
  readonly asGroup?: readonly string[];
  readonly namespace?: string;
  readonly meshNamespace?: string;
}

export const defaultMeshNamespace = 'tulle';

export type Place = { readonly kind: 'kubeconfig'; readonly paths: readonly string[] } | { readonly kind: 'pod' };

/** Where the way to a cluster is described; undefined when nothing describes one. */
export function clusterPlace(options: ClusterOptions, { environment, cwd }: Terminal): Place | undefined {
  if (options.kubeconfig !== undefined) return { kind: 'kubeconfig', paths: [resolve(cwd, options.kubeconfig)] };
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (listed.length > 0) {
    const paths = listed.map((path) => resolve(cwd, path));
    const present = paths.filter((path) => existsSync(path));
    // With one alone its absence is a mistake; of several kubectl passes over those that are not there.
    return { kind: 'kubeconfig', paths: present.length > 0 ? present : paths };
  }
  const home = environment['HOME'];
  const usual = home && join(home, '.kube', 'config');
  if (usual && existsSync(usual)) return { kind: 'kubeconfig', paths: [usual] };
  return environment['KUBERNETES_SERVICE_HOST'] ? { kind: 'pod' } : undefined;
}
