import type { TestProject } from 'vitest/node';
import { type ClusterFacts, chooseCluster } from './choose-cluster.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: ClusterFacts;
  }
}

/** Brings a cluster with the images for all test files, and takes it down after the last one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { facts, close } = await chooseCluster(process.env, (line) => console.log(line));
  if (!facts.available) console.log(`\nThe cluster's tests are skipped. ${facts.reason}\n`);
  project.provide('cluster', facts);
  return close;
}
