import { z } from 'zod';

/** Any reference to another object; which fields a kind of reference has is for its definition to say. */
export const objectRefShape = z.object({
  group: z.string().optional(),
  kind: z.string(),
  name: z.string(),
  namespace: z.string().optional(),
});
export type ObjectRefShape = z.output<typeof objectRefShape>;

export const labelSelectorShape = z.object({
  matchLabels: z.record(z.string(), z.string()).nullish(),
  matchExpressions: z
    .array(
      z.object({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});

export const policyGroup = 'policy.linkerd.io';
export const gatewayGroup = 'gateway.networking.k8s.io';

/** `Server.policy.linkerd.io`. */
export function canonicalKind({ group, kind }: { readonly group?: string; readonly kind: string }): string {
  return group === undefined || group === '' || group === 'core' ? kind : `${kind}.${group}`;
}
