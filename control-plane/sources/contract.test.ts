import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { Answer } from '../kubernetes/pinged-connection.ts';
import { FileSource } from './file-source.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import { describeSource } from './testing/contract.ts';

type Stored = { readonly kind: string; readonly metadata: { readonly name: string } };
const keyOf = (object: object): string => {
  const { kind, metadata } = object as Stored;
  return `${kind} ${metadata.name}`;
};

describeSource('a folder of manifests', (objects) => {
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
});

describeSource('an API server', (objects) => {
  const stored = new Map(objects.map((object) => [keyOf(object), object]));
  const watches = new Set<PassThrough>();
  /** One line for each version, from the second on. */
  const lines: string[] = [];
  const version = (): number => lines.length + 1;
  const tell = (type: string, object: object): void => {
    const { metadata } = object as Stored;
    const changed = { ...object, metadata: { ...metadata, resourceVersion: String(version() + 1) } };
    const line = `${JSON.stringify({ type, object: changed })}\n`;
    lines.push(line);
    for (const watch of watches) watch.write(line);
  };
  const source = new KubernetesSource({
    client: {
      get: async <T>(): Promise<T> =>
        ({ metadata: { resourceVersion: String(version()) }, items: [...stored.values()] }) as T,
      async stream(_path, { resourceVersion }, signal) {
        const watch = new PassThrough();
        for (const line of lines.slice(Number(resourceVersion) - 1)) watch.write(line);
        watches.add(watch);
        signal.addEventListener('abort', () => watch.destroy());
        return Object.assign(watch, { headers: {} }) as Answer;
      },
      dropIdle: () => {},
      close: () => {},
    },
    log: pino({ level: 'silent' }),
    registry: new Registry(),
    now: Date.now,
    random: Math.random,
    times: { backOff: { firstMs: 1, maxMs: 5 } },
  });
  return {
    source,
    put(object) {
      const known = stored.has(keyOf(object));
      stored.set(keyOf(object), object);
      tell(known ? 'MODIFIED' : 'ADDED', object);
    },
    remove(object) {
      stored.delete(keyOf(object));
      tell('DELETED', object);
    },
    close: () => source.close(),
  };
});
