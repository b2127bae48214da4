/**
 * How large the head of a message may be. What one sidecar accepts in HTTP/1 it may have to write in HTTP/2 for the
 * next, which must not refuse it then: both count as RFC 9113 section 6.5.2 does, and the limits stand here together.
 */

/** What a field counts beyond its name and value. */
export const fieldOverheadBytes = 32;

/** A header list in HTTP/2, pseudo-header fields included. */
export const headListBytes = 64 * 1024;

/** Room in it for the fields that proxies write for each other (`l5d-*`): so much less of others is accepted in HTTP/1. */
export const meshFieldBytes = 4 * 1024;

/** A request's path with its query. */
export const pathBytes = 16 * 1024;
