import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TapEvent } from '../../api/gen/tap_pb.js';
import type { TapByResourceRequest } from '../../api/gen/viz_tap_pb.js';
import { ipText } from '../../api/ip-text.ts';
import { BadTapRequest, observeRequest } from '../../api/tap/observe-request.ts';
import { paceOf } from '../../api/tap/pace.ts';
import { ProxyTap } from '../../api/tap/proxy-tap.ts';
import type { SidecarAddress } from '../../api/tap/sidecar-connection.ts';
import { addLabels } from '../../api/tap/who.ts';
import { identityName } from '../../lib/contract/names.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { tapCredentialFiles } from '../../local/credentials.ts';
import { readManifestFolder } from '../../local/manifest-folder.ts';
import { installedConfig } from '../../local/mesh-config.ts';
import { StateFolder } from '../../local/state-folder.ts';
import { sidecarOf, tapPort } from '../cluster/sidecar.ts';
import type { WorkloadDirectory } from '../figures/directory.ts';
import { localDirectory } from '../figures/local-directory.ts';
import { CommandError, UsageError } from '../terminal.ts';
import type { RunningTap, TapHandlers, TapSource, WayToServer } from './source.ts';

interface LocalTaps {
  readonly directory: WorkloadDirectory;
  readonly credentials: Omit<NonNullable<SidecarAddress['tls']>, 'identity'>;
  /** The identity that a pod's sidecar proves. */
  readonly identityOf: (pod: Pod) => string;
}

/**
 * The mesh that runs in a state folder: its sidecars are asked directly, with the certificate that the mesh has put there
 * for whoever may read its keys.
 */
export async function localTaps(stateFolder: string, namespace: string): Promise<TapSource> {
  const directory = await localDirectory(stateFolder);
  const state = new StateFolder(stateFolder);
  const runner = await state.runner();
  const { objects } = runner === undefined ? { objects: [] } : await readManifestFolder(runner.manifests);
  const { trustDomain, meshNamespace } = installedConfig(objects, []);
  const read = (name: string): Promise<Buffer> => readFile(join(state.credentials, name));
  const { trustAnchors, key, chain } = tapCredentialFiles;
  const taps: LocalTaps = {
    directory,
    credentials: {
      trustAnchors: await read(trustAnchors),
      key: await read(key),
      chain: await read(chain),
    },
    identityOf: ({ metadata, spec }) =>
      identityName(spec?.serviceAccountName ?? 'default', metadata.namespace ?? 'default', {
        meshNamespace,
        trustDomain,
      }),
  };
  return {
    namespace,
    tap: (request, handlers) => begin(taps, request, handlers),
    wayTo: (event) => wayTo(directory, event),
    close: () => directory.close(),
  };
}

async function begin(taps: LocalTaps, request: TapByResourceRequest, handlers: TapHandlers): Promise<RunningTap> {
  const { directory, credentials, identityOf } = taps;
  const { type: kind, name, namespace } = request.target!.resource!;
  const selector = request.target!.labelSelector || undefined;
  const subject = { kind, name: name || undefined, namespace: namespace || undefined, selector };
  const pods = (await directory.workloads(subject)).flatMap(({ pods: of }) => of);
  const tapped = pods.flatMap((pod) => {
    const sidecar = sidecarOf(pod);
    const port = sidecar && tapPort(sidecar);
    const ip = pod.status?.podIP;
    return port === undefined || ip === undefined ? [] : [{ pod, host: ip, port }];
  });
  if (tapped.length === 0) {
    const title = `${kind}${name === '' ? '' : `/${name}`}`;
    const where = namespace === '' ? '' : ` in namespace ${namespace} (-n names another)`;
    throw new CommandError(`no pods to tap for ${title}${where}: none has a sidecar that may be tapped`);
  }
  const byIp = new Map((await podsOf(directory)).map((pod) => [pod.status?.podIP, pod]));
  const labelsAt = (ip: string) => {
    const pod = byIp.get(ip);
    return pod && labelsOf(pod);
  };
  let observed: ReturnType<typeof observeRequest>;
  try {
    observed = observeRequest(request);
  } catch (error) {
    if (error instanceof BadTapRequest) throw new UsageError(error.message);
    throw error;
  }
  const ended = Promise.withResolvers<void>();
  const running = new Set<ProxyTap>();
  const begun = tapped.map(
    ({ pod, host, port }) =>
      new Promise<void>((resolve) => {
        const { namespace: place, name: podName } = pod.metadata;
        const tap: ProxyTap = new ProxyTap({
          address: { host, port, tls: { ...credentials, identity: identityOf(pod) } },
          request: observed,
          pace: paceOf(request.maxRps, tapped.length),
          onBegun: resolve,
          onEvent: (event) => {
            addLabels(event, labelsAt);
            handlers.onEvent(event);
          },
          onOver: (reason) => {
            handlers.onProblem(`the sidecar of ${place}/${podName} is not tapped: ${reason}`);
            running.delete(tap);
            if (running.size === 0) ended.reject(new CommandError('no sidecar can be tapped'));
            resolve();
          },
        });
        running.add(tap);
      }),
  );
  await Promise.all(begun);
  return {
    ended: ended.promise,
    close: () => {
      for (const tap of running) tap.close();
      ended.resolve();
    },
  };
}

/** Servers listen on this machine. Addresses that are no pod's are not called, whoever tells of them. */
async function wayTo(directory: WorkloadDirectory, { destination }: TapEvent): Promise<WayToServer> {
  const ip = destination?.ip === undefined ? '' : ipText(destination.ip);
  const pods = await podsOf(directory);
  if (!pods.some(({ status }) => status?.podIP === ip)) throw new Error(`${ip || 'its server'} is no pod of the mesh`);
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return { address: `${host}:${destination?.port}`, problem: () => undefined, close: () => {} };
}

const podsOf = async (directory: WorkloadDirectory): Promise<Pod[]> =>
  (await directory.workloads({ kind: 'pod', namespace: undefined })).flatMap(({ pods }) => pods);

/** As discovery labels endpoints. */
function labelsOf({ metadata, spec }: Pod): Record<string, string> {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller) ?? metadata.ownerReferences?.[0];
  return {
    pod: metadata.name,
    namespace: metadata.namespace ?? 'default',
    serviceaccount: spec?.serviceAccountName ?? 'default',
    ...(owner === undefined ? {} : { [owner.kind.toLowerCase()]: owner.name }),
  };
}
