import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import type { PolicyIndex } from './index/policy-index.ts';

/** What policies are made of. */
export interface PolicyContext {
  readonly cluster: ClusterIndex;
  readonly policy: PolicyIndex;
  readonly config: ClusterConfig;
}
