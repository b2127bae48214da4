import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { FileSource } from './file-source.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import { LayeredSource } from './layered-source.ts';
import type { Scope } from './scope.ts';
import { describeSource, type SourceUnderTest } from './testing/contract.ts';
import { FakeApiServer } from './testing/fake-api-server.ts';

type Stored = { readonly kind: string; readonly metadata: { readonly name: string } };
const keyOf = (object: object): string => {
  const { kind, metadata } = object as Stored;
  return `${kind} ${metadata.name}`;
};

const onFolder = (objects: readonly object[]): SourceUnderTest => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-contract-'));
  const fileOf = (object: object): string => join(folder, `${keyOf(object).replace(' ', '-')}.json`);
  const put = (object: object): void => {
    writeFileSync(join(folder, '.next'), JSON.stringify(object));
    renameSync(join(folder, '.next'), fileOf(object));
  };
  for (const object of objects) put(object);
  const source = new FileSource({ folders: [folder], onProblem: () => {}, rescanMs: 50 });
  return {
    source,
    put,
    remove: (object) => rmSync(fileOf(object)),
    close() {
      source.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const onApiServer =
  (scope?: Scope) =>
  (objects: readonly object[]): SourceUnderTest => {
    const server = new FakeApiServer(objects);
    const source = new KubernetesSource({
      client: server.client,
      scope,
      log: pino({ level: 'silent' }),
      registry: new Registry(),
      now: Date.now,
      random: Math.random,
      times: { backOff: { firstMs: 1, maxMs: 5 } },
    });
    return {
      source,
      put: (object) => server.put(object),
      remove: (object) => server.remove(object),
      close: () => source.close(),
    };
  };

/** Of two, where the other one has nothing to say. */
const onLayers =
  (isUpper: boolean) =>
  (objects: readonly object[]): SourceUnderTest => {
    const own = onApiServer()(objects);
    const other = onFolder([]);
    const layers = isUpper ? [own, other] : [other, own];
    const source = new LayeredSource(layers.map((layer) => layer.source));
    const close = (): void => {
      source.close();
      other.close();
    };
    return { ...own, source, close };
  };

describeSource('a folder of manifests', onFolder);
describeSource('an API server', onApiServer());
describeSource('some namespaces of an API server', onApiServer({ namespaces: ['bank', 'shop'] }));
describeSource('an API server below a folder', onLayers(false));
describeSource('an API server above a folder', onLayers(true));
