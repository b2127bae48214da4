import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { buildImage } from '../../images/build-image.ts';
import { imageContents, imageNames } from '../../images/contents.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { buildEchoImage } from './conformance/echo-image.ts';
import { Kubectl } from './kubectl.ts';
import { takeLock } from './lock.ts';
import { hasMesh, uninstallMesh } from './mesh.ts';
import { type LoadableImage, OwnCluster, stateFolder } from './own-cluster.ts';
import { areBuilt, programsFolder } from './programs.ts';
import { whyNotHere } from './requirements.ts';
import { buildToolsImage } from './tools-image.ts';

/** What tests are told of the cluster; plain data, as it goes from the setup's process to the tests'. */
export type ClusterFacts =
  | { readonly available: false; readonly reason: string }
  | {
      readonly available: true;
      readonly kubectl: string;
      readonly kubeconfig: string;
      /** Folder of the cluster that we started ourselves; only that one's machines and programs can be stopped. */
      readonly ownState?: string;
      /** What tells these images from those of another run, which have the same names. */
      readonly images: string;
    };

export interface ChosenCluster {
  readonly facts: ClusterFacts;
  /** Ends what was started for this run. */
  readonly close: () => Promise<void>;
}

const images = resolve(import.meta.dirname, '../../dist/test-cluster');
const nodes = 2;

/**
 * The cluster that KUBECONFIG names, else one of our own: the one that runs already, or a new one. Loads the images.
 * TULLE_KEEP_CLUSTER=1 lets a cluster that this run started live on for the next.
 */
export async function chooseCluster(
  environment: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<ChosenCluster> {
  const kubeconfig = environment['KUBECONFIG'];
  if (kubeconfig && resolve(kubeconfig) !== join(stateFolder(), 'kubeconfig')) {
    return usersCluster(kubeconfig, environment['TULLE_LOAD_IMAGE'], say);
  }
  const reason = whyNotHere(areBuilt(programsFolder()));
  if (reason !== undefined) {
    return {
      facts: { available: false, reason: `KUBECONFIG names no cluster, and none of our own can run here: ${reason}` },
      close: async () => {},
    };
  }
  return ownCluster(environment['TULLE_KEEP_CLUSTER'] === '1', say);
}

async function ownCluster(keep: boolean, say: (line: string) => void): Promise<ChosenCluster> {
  const release = takeLock(`${stateFolder()}.lock`, 'the test cluster');
  let started = false;
  const close = async (): Promise<void> => {
    if (started && !keep) await OwnCluster.remove();
    release();
  };
  try {
    let cluster = OwnCluster.running();
    if (cluster === undefined) {
      started = true;
      cluster = await OwnCluster.start({ nodes, say });
    }
    const built = await buildImages(say);
    await cluster.loadImages(built);
    const kubectl = join(programsFolder(), 'bin/kubectl');
    return {
      facts: {
        available: true,
        kubectl,
        kubeconfig: cluster.kubeconfig,
        ownState: stateFolder(),
        images: fingerprint(built),
      },
      close,
    };
  } catch (error) {
    if (started) await OwnCluster.stop(); // the logs stay until the next start
    release();
    throw error;
  }
}

async function usersCluster(
  kubeconfig: string,
  loadCommand: string | undefined,
  say: (line: string) => void,
): Promise<ChosenCluster> {
  if (!loadCommand) {
    throw new Error(
      'KUBECONFIG names a cluster, and TULLE_LOAD_IMAGE not how it gets images: set it to a command that takes an ' +
        "archive, such as 'kind load image-archive' or 'k3d image import', or to 'none' when they are there already",
    );
  }
  const built = loadCommand === 'none' ? [] : await buildImages(say);
  for (const { archive } of built) {
    execFileSync('sh', ['-c', `${loadCommand} "$1"`, 'sh', archive], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const kubectl = new Kubectl('kubectl', kubeconfig);
  const wasMeshed = await hasMesh(kubectl);
  return {
    facts: { available: true, kubectl: 'kubectl', kubeconfig, images: fingerprint(built) },
    close: async () => {
      if (!wasMeshed) await uninstallMesh(kubectl);
    },
  };
}

const fingerprint = (built: readonly LoadableImage[]): string =>
  createHash('sha256')
    .update(built.map(({ digest }) => digest).join())
    .digest('hex')
    .slice(0, 16);

async function buildImages(say: (line: string) => void): Promise<LoadableImage[]> {
  const options = { builder: 'own', registry: '', tag: packageJson.version, out: images } as const;
  const built: LoadableImage[] = [await buildToolsImage(images)];
  const echo = await buildEchoImage(images);
  if (echo !== undefined) built.push(echo);
  for (const name of imageNames) {
    const image = await buildImage(imageContents(name), options);
    say(`${image.name}  ${(image.archiveBytes / 1e6).toFixed(1)} MB  ${image.digest}`);
    built.push(image);
  }
  return built;
}
