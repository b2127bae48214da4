import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Folders whose tests leave nothing behind in their process: one process runs many of their files, and loads modules once. */
const pure = '{build,lib,model,control-plane,synth,cli,api}/**/*.test.ts';

export default defineConfig({
  test: {
    exclude: ['**/node_modules/**', '**/dist/**', 'test/consumer/project/**', 'test/cluster/**'],
    setupFiles: ['test/house/patience.ts'],
    // Dozens of tests start the control plane from its source: each further one reads what the first has compiled.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/node') },
    testTimeout: 20_000,
    // A machine that stood still for a moment is told from a defect by one more try, which is reported.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    hookTimeout: 30_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'together', include: [pure], isolate: false } },
      { extends: true, test: { name: 'alone', include: ['{proxy,local,examples,bench,images,test}/**/*.test.ts'] } },
    ],
  },
});
