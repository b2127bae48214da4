import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import { type Kind, kindOf } from './kinds.ts';
import { objectKey } from './object-key.ts';
import type { ObjectEvent, ObjectSource } from './object-source.ts';
import { type HandlerFailure, ObjectStore } from './object-store.ts';
import { type ManifestProblem, parseManifests } from './parse-manifests.ts';
import { MalformedObject, trim } from './trim.ts';

export interface FileSourceOptions {
  /** Folders with *.yaml, *.yml and *.json manifests, read with their sub-folders, but hidden ones. */
  folders: readonly string[];
  /** Told of each problem once, when it appears. */
  onProblem: (problem: ManifestProblem) => void;
  /** How often the folders are looked at besides the system's own notices. Default 500 ms. */
  rescanMs?: number;
  /** Wall-clock milliseconds, as in the times of files. Default: the system's. */
  nowMs?: () => number;
  /** Told of handlers that throw. Default: the process ends with the error. */
  onHandlerFailure?: (failure: HandlerFailure) => void;
}

interface KnownFile {
  /** Size and times: when it is the same, so is the content. */
  stamp: string;
  objects: readonly KubernetesObject[];
}

const maxFileBytes = 16 * 1024 * 1024;
/**
 * A known file that was written this shortly ago is read later: most programs empty a file before they write it, and
 * objects must not go and come back for that.
 */
const settleMs = 50;

/**
 * A folder of manifests as a source: the same synthesized YAML that goes to a cluster. An edit takes effect within a
 * second; a file that is not YAML any more keeps the objects that it had; one object named twice is that of the first
 * file.
 */
export class FileSource implements ObjectSource {
  readonly synced: Promise<void>;
  private readonly options: FileSourceOptions;
  private readonly store: ObjectStore;
  private readonly files = new Map<string, KnownFile>();
  private readonly watchers: FSWatcher[] = [];
  private readonly timer: NodeJS.Timeout;
  private current = new Map<string, KubernetesObject>();
  private duplicates = new Set<string>();
  private missing = new Set<string>();
  private scanning: Promise<void> | undefined = undefined;
  private again = false;
  private settling: NodeJS.Timeout | undefined = undefined;
  private closed = false;

  constructor(options: FileSourceOptions) {
    this.options = options;
    this.store = new ObjectStore(options.onHandlerFailure);
    this.synced = this.rescan();
    this.timer = setInterval(() => void this.rescan(), options.rescanMs ?? 500);
    this.timer.unref();
    for (const folder of options.folders) {
      try {
        const watcher = watchFolder(folder, () => void this.rescan());
        // The rescan sees what a broken watch does not.
        watcher.on('error', () => watcher.close());
        this.watchers.push(watcher);
      } catch {
        // The folder may come later; the rescan will see it.
      }
    }
  }

  watch<K extends Kind>(kind: K, handler: (event: ObjectEvent<K>) => void): () => void {
    return this.store.watch(kind, handler);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    clearTimeout(this.settling);
    for (const watcher of this.watchers) watcher.close();
  }

  /** A scan may be under way when the source is closed: whoever has closed it is told nothing more. */
  private tell(problem: ManifestProblem): void {
    if (!this.closed) this.options.onProblem(problem);
  }

  /** Reads what has changed. Calls while one is under way are joined into one more. */
  private rescan(): Promise<void> {
    if (this.scanning !== undefined) {
      this.again = true;
      return this.scanning;
    }
    this.scanning = this.scan().finally(() => {
      this.scanning = undefined;
      if (!this.again || this.closed) return;
      this.again = false;
      void this.rescan();
    });
    return this.scanning;
  }

  private rescanSoon(): void {
    if (this.settling !== undefined) return;
    this.settling = setTimeout(() => {
      this.settling = undefined;
      void this.rescan();
    }, settleMs);
    this.settling.unref();
  }

  private async scan(): Promise<void> {
    const paths = (await Promise.all(this.options.folders.map((folder) => this.list(folder)))).flat();
    const present = new Set(paths);
    let changed = false;
    for (const path of this.files.keys()) {
      if (!present.has(path)) changed = this.files.delete(path);
    }
    for (const path of paths) changed = (await this.read(path)) || changed;
    if (changed && !this.closed) this.publish();
  }

  private async list(folder: string): Promise<string[]> {
    try {
      const entries = await readdir(folder, { withFileTypes: true, recursive: true });
      this.missing.delete(folder);
      return entries
        .filter((entry) => !entry.isDirectory() && /\.(ya?ml|json)$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => !isHidden(relative(folder, path)))
        .sort();
    } catch (error) {
      if (!this.missing.has(folder)) {
        this.missing.add(folder);
        this.tell({ file: folder, line: 0, where: 'folder', message: (error as Error).message });
      }
      // What cannot be listed now is not gone.
      return [...this.files.keys()].filter((path) => path.startsWith(folder));
    }
  }

  private async read(path: string): Promise<boolean> {
    const known = this.files.get(path);
    let stamp: string;
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(path);
      stamp = `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
      if (known?.stamp === stamp) return false;
      const ageMs = (this.options.nowMs ?? Date.now)() - mtimeMs;
      if (known !== undefined && ageMs >= 0 && ageMs < settleMs) {
        this.rescanSoon();
        return false;
      }
      if (size > maxFileBytes) throw new Error(`is larger than ${maxFileBytes} bytes`);
      const { objects, problems, readable } = parseManifests(path, await readFile(path, 'utf8'));
      for (const problem of problems) this.tell(problem);
      const kept = readable || known === undefined ? this.wellFormed(path, objects, known) : known.objects;
      this.files.set(path, { stamp, objects: kept });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.files.delete(path);
      if (known === undefined) this.tell({ file: path, line: 0, where: 'file', message: (error as Error).message });
      this.files.set(path, { stamp: '', objects: known?.objects ?? [] });
      return false;
    }
  }

  /** What is read of the objects. One that is malformed is reported; if it was well before, it stays as it was. */
  private wellFormed(
    file: string,
    objects: readonly KubernetesObject[],
    known: KnownFile | undefined,
  ): readonly KubernetesObject[] {
    return objects.flatMap((object) => {
      const kind = kindOf(object);
      if (kind === undefined) return [];
      try {
        return [trim(kind, object.apiVersion, object)];
      } catch (error) {
        if (!(error instanceof MalformedObject)) throw error;
        const where = `${object.kind} ${objectKey(object)}`;
        this.tell({ file, line: 0, where, message: error.message });
        return known?.objects.filter((before) => storeKey(before) === storeKey(object)) ?? [];
      }
    });
  }

  private publish(): void {
    const next = new Map<string, KubernetesObject>();
    const duplicates = new Set<string>();
    for (const [file, { objects }] of [...this.files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const object of objects) {
        const key = storeKey(object);
        if (!next.has(key)) next.set(key, object);
        else {
          duplicates.add(`${file} ${key}`);
          if (this.duplicates.has(`${file} ${key}`)) continue;
          this.tell({
            file,
            line: 0,
            where: key,
            message: 'is defined in another file already, which is the one used',
          });
        }
      }
    }
    const before = this.current;
    this.current = next;
    this.duplicates = duplicates;
    for (const [key, object] of before) if (!next.has(key)) this.store.delete(object);
    for (const object of next.values()) this.store.put(object);
  }
}

/** Where editors and Git keep their own; and, of a mounted ConfigMap, the folder that its files are links into. */
const isHidden = (path: string): boolean => path.split(sep).some((part) => part.startsWith('.'));

/** Group, kind and name: two versions of an object are one. */
function storeKey(object: KubernetesObject): string {
  const group = object.apiVersion.includes('/') ? `${object.apiVersion.split('/')[0]}/` : '';
  return `${group}${object.kind} ${objectKey(object)}`;
}
