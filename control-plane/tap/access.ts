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

/** Asks the API server whether somebody may tap: `watch` on the subresource `tap`, as Linkerd's extension asks. */
export async function mayTap(api: Pick<KubernetesApi, 'create'>, { user, groups, extra }: Caller, target: TapTarget) {
  const review = await api.create<InJson<V1SubjectAccessReview>>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user,
      groups,
      extra,
      resourceAttributes: {
        ...target,
        verb: 'watch',
        group: tapGroup,
        version: tapVersion,
        subresource: 'tap',
      },
    },
  });
  return { allowed: review.status?.allowed === true, reason: review.status?.reason ?? '' };
}

export const tapGroup = 'tap.linkerd.io';
export const tapVersion = 'v1alpha1';
