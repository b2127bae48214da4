import { type ApiObjectMetadata, type ApiObjectMetadataDefinition, Lazy } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { setting, settingKey } from '../contract/annotations.ts';
import { installationOf } from '../mesh/installation.ts';
import type { MeshedProps } from './meshed-props.ts';

/** A workload whose pods end by themselves. */
interface EndingWorkload extends IConstruct {
  readonly podMetadata: ApiObjectMetadataDefinition;
}

interface EndingProps extends MeshedProps {
  readonly podMetadata?: ApiObjectMetadata;
}

/**
 * Has a sidecar that is none of Kubernetes' native ones end at the application's word, without which its Job would never be
 * complete. Whether it is native may be the word of the mesh, which can be made later: it is looked at when the pods are
 * rendered. Throws where the end is shut on purpose.
 */
export function leaveEnd(workload: EndingWorkload, { mesh = {}, podMetadata }: EndingProps): void {
  const { nativeSidecar, adminShutdown } = mesh.proxy ?? {};
  if (mesh.injection?._mode === 'disabled') return;
  if (nativeSidecar === false && adminShutdown === false) {
    throw new Error(
      "'adminShutdown' (false) must not be with 'nativeSidecar' (false) in a Job, which would never end: leave one of them out",
    );
  }
  if (adminShutdown !== undefined || setting(podMetadata, 'proxy-admin-shutdown') !== undefined) return;
  const own = setting(podMetadata, 'proxy-enable-native-sidecar');
  const isNative = () =>
    nativeSidecar ?? (own === undefined ? installationOf(workload).defaults.nativeSidecar : own !== 'false');
  workload.podMetadata.addAnnotation(
    settingKey('proxy-admin-shutdown'),
    Lazy.any({ produce: () => (isNative() ? undefined : 'enabled') }),
  );
}
