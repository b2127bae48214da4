import { synthMeshYaml } from '../../synth/mesh.ts';
import type { Kubectl } from './kubectl.ts';

export const meshNamespace = 'tulle';
export const components = ['identity', 'destination', 'proxy-injector'] as const;

/** On the namespace: the images that the control plane was started with. */
const imagesAnnotation = 'test.tulle.dev/images';

export const identityOf = (serviceAccount: string, namespace: string): string =>
  `${serviceAccount}.${namespace}.serviceaccount.identity.${meshNamespace}.cluster.local`;

/**
 * Installs the mesh as `tulle install | kubectl apply -f -` does, and waits until it is ready. Where it is there it
 * stays as it is, unless `images`, which have the same names from run to run, are others than those it was started with.
 */
export async function installMesh(kubectl: Kubectl, images: string): Promise<void> {
  const wasThere = await hasMesh(kubectl);
  await kubectl.apply(synthMeshYaml());
  const { metadata } = await kubectl.get<{ metadata: { annotations?: Record<string, string> } }>([
    ...['namespace', meshNamespace],
  ]);
  if (wasThere && metadata.annotations?.[imagesAnnotation] !== images) {
    await kubectl.run(['rollout', 'restart', 'deployment', '--namespace', meshNamespace]);
  }
  await kubectl.run(['annotate', 'namespace', meshNamespace, '--overwrite', `${imagesAnnotation}=${images}`]);
  await meshReady(kubectl);
}

/** Waits until each component runs what its Deployment says. */
export async function meshReady(kubectl: Kubectl): Promise<void> {
  for (const component of components) await kubectl.rollout(`deployment/tulle-${component}`, meshNamespace);
}

export async function hasMesh(kubectl: Kubectl): Promise<boolean> {
  return (await kubectl.run(['get', 'namespace', meshNamespace, '--ignore-not-found', '--output=name'])) !== '';
}

export async function uninstallMesh(kubectl: Kubectl): Promise<void> {
  await kubectl.delete(synthMeshYaml());
}
