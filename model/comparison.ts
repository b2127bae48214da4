/** Somebody who may, or may not, call something. */
export interface CallChange {
  /** The caller: `shop/deployment/web`, or `*` for clients that prove no identity. */
  readonly from: string;
  /** The called workload; `shop/service/orders` where nothing takes calls to the Service any more. */
  readonly to: string;
  /** Of the workload, or of the Service. */
  readonly port: number;
  /** The route of the called port, as policy has it; undefined where its Server has none. */
  readonly route: string | undefined;
}

/** A call that goes elsewhere, or otherwise. */
export interface CallMove {
  /** The caller: `shop/deployment/web`. */
  readonly from: string;
  /** What is called: `http://orders.shop:8080/`. */
  readonly to: string;
  /** Where calls went, in words: `100 % shop/orders:8080`. */
  readonly before: string;
  /** Where they go now. */
  readonly after: string;
}

/** What a change of manifests does to the calls of a mesh. */
export interface Comparison {
  /** Calls that were refused before, or of which there were none, since one of both ends was not there. */
  readonly opened: readonly CallChange[];
  /**
   * Calls that were let in before, and are refused; and those to a Service that has nothing for them any more, or is gone.
   * Those of workloads that are gone are not told.
   */
  readonly shut: readonly CallChange[];
  /** Calls to a Service that go to other places, by another rule, or in plaintext instead of encrypted. */
  readonly moved: readonly CallMove[];
}
