/** So many of the first bytes of a body are told at most. */
export const maxBodyBytes = 16 * 1024;
