import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ObjectSource } from '../object-source.ts';

/** A source under test, and what stands behind it. */
export interface SourceUnderTest {
  readonly source: ObjectSource;
  /** Makes an object, or changes it. */
  put(object: object): void;
  remove(object: object): void;
  close(): void;
}

const service = (name: string, port = 80, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop', ...metadata },
  spec: { clusterIP: '10.96.0.1', ports: [{ port }] },
});
const malformed = { ...service('bad'), spec: { ports: 'none' } };

/** What every source of objects promises, whatever it reads. `open` is given the objects that are there from the start. */
export function describeSource(name: string, open: (objects: readonly object[]) => SourceUnderTest): void {
  describe(`${name}, as a source of objects,`, () => {
    let subject: SourceUnderTest;
    let told: string[];
    beforeEach(() => {
      told = [];
    });
    afterEach(() => subject.close());

    const watch = (into = told): (() => void) =>
      subject.source.watch('Service', ({ type, object }) =>
        into.push(`${type} ${object.metadata.namespace}/${object.metadata.name} ${object.spec?.ports?.[0].port}`),
      );
    const start = async (...objects: object[]): Promise<void> => {
      subject = open(objects);
      watch();
      await subject.source.synced;
    };
    const settled = (expected: string[]): Promise<void> => vi.waitFor(() => expect(told).toEqual(expected), 5000);

    test('has told all that is there once it is synced', async () => {
      await start(service('web'), service('api', 81));
      expect([...told].sort()).toEqual(['added shop/api 81', 'added shop/web 80']);
    });

    test('tells each change once, and nothing of what stays as it is', async () => {
      await start(service('web'), service('api'));
      told.length = 0;
      subject.put(service('web', 8080));
      await settled(['modified shop/web 8080']);
      subject.put(service('web', 8080));
      subject.put(service('late', 1));
      await settled(['modified shop/web 8080', 'added shop/late 1']);
      subject.remove(service('api'));
      await settled(['modified shop/web 8080', 'added shop/late 1', 'deleted shop/api 80']);
    });

    test('tells who comes later all that it knows, and who has stopped nothing more', async () => {
      await start(service('web'));
      const later: string[] = [];
      const stop = watch(later);
      expect(later).toEqual(['added shop/web 80']);
      stop();
      subject.put(service('web', 8080));
      await settled(['added shop/web 80', 'modified shop/web 8080']);
      expect(later).toEqual(['added shop/web 80']);
    });

    test('holds a malformed object where it is, and keeps one that was well before', async () => {
      await start(malformed, service('web'));
      expect(told).toEqual(['added shop/web 80']);
      subject.put({ ...service('web'), spec: { ports: [{ port: 'eighty' }] } });
      subject.put(service('api'));
      await settled(['added shop/web 80', 'added shop/api 80']);
    });

    test('takes null for what is not there', async () => {
      const metadata = { name: 'web', namespace: 'shop', labels: null, annotations: null };
      await start({ apiVersion: 'v1', kind: 'Service', metadata, spec: null });
      expect(told).toEqual(['added shop/web undefined']);
    });
  });
}
