/**
 * How what is told of an injected failure begins, as control plane and proxies write and read it: clients are told, and
 * circuit breakers take it for nothing that an endpoint did.
 */
export const injectedFault = 'injected by FaultInjection';

/** Longer than any client waits: what is delayed is held for as long. */
export const longestDelayMs = 3_600_000;
