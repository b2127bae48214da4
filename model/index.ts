/** `tulle/testing`: a mesh in a unit test. */

export type { AppLike } from './app-like.ts';
export type { CallBackend, CallResult } from './call-result.ts';
export type { CallChange, CallMove, Comparison } from './comparison.ts';
export type { HeldAuthorization } from './held-authorization.ts';
export { anyone, type CallOptions, MeshModel } from './mesh-model.ts';
export type { WorkloadLike } from './workload-like.ts';
