/** What of a request is its key: requests with the same go to the same endpoint. */
export type AffinityKey =
  /** The first field of that name (lower case). */
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string; readonly made: MadeCookie | undefined }
  /** The first query parameter of that name. */
  | { readonly kind: 'query'; readonly name: string }
  /** The address that the connection of its client came from. */
  | { readonly kind: 'source' };

/** A cookie that a response brings whose request had none. */
export interface MadeCookie {
  /** How long clients keep it, in seconds; 0: for their session. */
  readonly ttlS: number;
  /** Undefined: clients go by the path of the request. */
  readonly path: string | undefined;
}

/** What brings a session back that a client was told. */
export type SessionCarrier =
  /** Kept by clients for so many seconds; 0: for their own session. */
  | { readonly kind: 'cookie'; readonly name: string; readonly keptS: number; readonly path: string }
  /** Of a response, and of the requests behind it; in lower case. */
  | { readonly kind: 'header'; readonly name: string };

/** Clients are told by whom they were answered, and go there again. */
export interface SessionKey {
  readonly kind: 'session';
  readonly carrier: SessionCarrier;
  /** From its beginning to its end, in seconds; undefined: a session has none. */
  readonly timeoutS: number | undefined;
}

export interface Affinity {
  readonly key: AffinityKey | SessionKey;
  /**
   * The most requests in flight at one endpoint, in relation to those of all of them: with 1.25, a key goes on to its
   * next endpoint where the first has a quarter more than its share. Undefined: as many as come.
   */
  readonly maxLoad: number | undefined;
}
