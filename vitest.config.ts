import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{build,lib,model,proxy,control-plane,synth,cli,local,examples,bench,images,api,test}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/consumer/project/**', 'test/cluster/**'],
    setupFiles: ['test/house/patience.ts'],
    testTimeout: 20_000,
    // A machine that stood still for a moment is told from a defect by one more try, which is reported.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    hookTimeout: 30_000,
    maxWorkers: 2,
  },
});
