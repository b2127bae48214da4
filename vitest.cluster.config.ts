import { defineConfig } from 'vitest/config';

/** Tests that need a Kubernetes cluster: `npm run test:cluster` (test/cluster/README.md). */
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.test.ts'],
    globalSetup: ['test/cluster/global-setup.ts'],
    setupFiles: ['test/house/patience.ts'],
    testTimeout: 180_000,
    // A machine that stood still for a moment is told from a defect by one more try, which is reported.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    hookTimeout: 180_000,
    // There is one cluster, and what one file stops or deletes would fail another.
    fileParallelism: false,
    maxWorkers: 1,
  },
});
