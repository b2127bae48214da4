/** A cdk8s App, as far as it is needed: what its charts synthesize. */
export interface AppLike {
  readonly charts: readonly { toJson(): unknown[] }[];
}
