/** How the kernel finds out that a peer is gone; what is undefined stays as the system has it. */
export interface SocketOptions {
  /** Silence after which the kernel asks the peer for a sign of life (SO_KEEPALIVE, TCP_KEEPIDLE), and asks again. */
  readonly keepAliveMs?: number;
  /** How long written bytes, or such questions, may stay without an answer (TCP_USER_TIMEOUT, RFC 5482). */
  readonly userTimeoutMs?: number;
}
