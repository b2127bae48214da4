import type { V1SubjectAccessReview } from '@kubernetes/client-node';
import type { KubernetesApi } from '../kubernetes/api.ts';
import type { InJson } from '../kubernetes/in-json.ts';
import type { Caller } from './request-header.ts';

/** What somebody wants to tap. */
export interface TapTarget {
  readonly namespace: string;
  /** In the plural: `deployments`. */
  readonly resource: string;
  readonly name: string;
}

/** Something that somebody may do with what he taps. */
interface TapRight {
  readonly verb: string;
  readonly subresource: string;
}

/** To look at requests, as Linkerd's extension asks for it. */
export const tapRight: TapRight = { verb: 'watch', subresource: 'tap' };

/**
 * To see their bodies, too. Kubernetes asks for `create` where one gets at what goes on in a pod (`pods/exec`): who may read
 * or watch everything (`*`), as the roles of who taps have it, may not do this.
 */
export const bodiesRight: TapRight = { verb: 'create', subresource: 'tap-bodies' };

/** Asks the API server whether somebody may do that. */
export async function mayTap(
  api: Pick<KubernetesApi, 'create'>,
  { user, groups, extra }: Caller,
  target: TapTarget,
  right: TapRight,
) {
  const review = await api.create<InJson<V1SubjectAccessReview>>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user,
      groups,
      extra,
      resourceAttributes: {
        ...target,
        ...right,
        group: tapGroup,
        version: tapVersion,
      },
    },
  });
  return { allowed: review.status?.allowed === true, reason: review.status?.reason ?? '' };
}

export const tapGroup = 'tap.linkerd.io';
export const tapVersion = 'v1alpha1';
