import { vi } from 'vitest';

/**
 * How long tests wait for a condition for which they name no time. Vitest's own second is over before the condition
 * comes on a machine that has other work.
 */
const patienceMs = 10_000;

const { waitFor } = vi;
vi.waitFor = (condition, options = patienceMs) => waitFor(condition, options);
