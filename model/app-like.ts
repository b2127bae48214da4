/** A cdk8s App, as far as it is needed: what its charts synthesize. */
export interface AppLike {
  /** Its charts, each with the objects that it synthesizes. */
  readonly charts: readonly { toJson(): unknown[] }[];
}
