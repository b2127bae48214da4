import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{lib,proxy,control-plane,synth,cli,local,examples,bench,images,api,test}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/consumer/project/**', 'test/cluster/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
  },
});
