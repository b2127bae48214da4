import { afterEach, beforeEach, expect, vi } from 'vitest';
import { type Seen, startTestDestination, type TestDestination } from './testing.ts';

/** The Service that `service()` makes, at its port `http`. */
export const webPath = 'web.shop.svc.cluster.local:80';

/** A destination service for each test of a file, stopped after it. */
export function destinationPerTest() {
  let current: TestDestination;
  beforeEach(async () => {
    current = await startTestDestination();
  });
  afterEach(() => current.stop());
  return {
    put: (...objects: object[]): void => current.source.put(...objects),
    delete: (...objects: object[]): void => current.source.delete(...objects),
    get: (path: string, context?: object, allZones?: boolean): Seen => current.get(path, context, allZones),
    getProfile: (path: string, context?: object): Seen => current.getProfile(path, context),
    /** Lines of the log, from warnings on. */
    logged: (): readonly string[] => current.logged,
    client: () => current.client,
    metrics: () => current.registry,
  };
}

/** Waits until a stream has told that many messages, and expects that it goes on. */
export const told = (seen: Seen, count: number): Promise<void> =>
  vi.waitFor(() => expect([seen.messages.length, seen.error]).toEqual([count, undefined]));
