/** A connection that leads on without a word of its client. */
export interface SilentConnection {
  readonly bytesRead: number;
}

/**
 * What the peer of a connection may make this process do and hold, together with all other connections of the same
 * client. Each connection has budgets of its own besides; a client may open many.
 */
export interface PeerBudget {
  /** Bytes are about to wait for the peer. Returns false when they are too many: then they are not held. */
  hold(bytes: number): boolean;
  /** Bytes that were held have left, or are given up. */
  release(bytes: number): void;
  /** A stream was reset by the peer, or for an error of its. Returns false when there were too many. */
  reset(): boolean;
  /** A stream was carried to its end: that pays a reset back. */
  completed(): void;
  /** Requests under way; whoever begins one counts it, and its end. */
  requests: number;
  /** Whether one more may go on. */
  mayRequest(): boolean;
  /** No authorizer is asked about a request, since the client has as many that wait for one as it may. */
  refuseCheck(): void;
  /**
   * Whether one more connection may lead to the application though nothing was said on it; until `spoken`. `isLast`: it is
   * not asked again, and no is a refusal.
   */
  mayBeSilent(connection: SilentConnection, isLast: boolean): boolean;
  /** One that was let be silent is over. */
  spoken(connection: SilentConnection): void;
  /** A connection is over. */
  closed(): void;
}
