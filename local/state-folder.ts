import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { endLeftBehind, type KnownProcess, knownProcesses } from './left-behind.ts';

/** Where a local mesh is told of unless said otherwise: below the folder that it is started in. */
export const defaultStateFolder = '.tulle/local';

const runnerSchema = z.object({ pid: z.int(), manifests: z.string(), network: z.string(), meshNamespace: z.string() });
export type Runner = z.infer<typeof runnerSchema>;

/** What a running local mesh keeps on disk: who runs it, the objects that it adds to the manifests, keys and logs. */
export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Pods and EndpointSlices: a folder of manifests for the destination component. */
  get objects(): string {
    return join(this.path, 'objects');
  }
  get credentials(): string {
    return join(this.path, 'credentials');
  }
  get logs(): string {
    return join(this.path, 'logs');
  }
  private get processes(): string {
    return join(this.path, 'processes.json');
  }
  logFile(pod: string, container: string): string {
    return join(this.logs, `${pod}.${container}.log`);
  }

  /**
   * Makes the folder for a new mesh, and ends what one has left behind that was killed: its keys go with it. Resolves with how
   * many processes that were. Throws when a mesh runs here already.
   */
  async claim(): Promise<number> {
    const runner = await this.runner();
    if (runner !== undefined) {
      throw new Error(
        `a local mesh runs in ${this.path} already (pid ${runner.pid}, manifests of ${runner.manifests}): stop it, or choose another folder with --state`,
      );
    }
    await this.refuseLinks();
    const ended = await endLeftBehind(await this.leftBehind());
    await rm(this.processes, { force: true });
    for (const folder of [this.objects, this.credentials, this.logs]) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    return ended;
  }

  /** The processes that run now, for the next mesh to end where this one cannot. */
  async writeProcesses(known: readonly KnownProcess[]): Promise<void> {
    await writeAtomically(this.processes, `${JSON.stringify(known)}\n`);
  }

  private async leftBehind(): Promise<readonly KnownProcess[]> {
    const text = await readFile(this.processes, 'utf8').catch(() => '');
    const { success, data } = knownProcesses.safeParse(parseJson(text));
    return success ? data : [];
  }

  /**
   * A checkout may bring a link in place of the folder, and what it leads to would be emptied and get our keys. Links
   * above the folder that we were started in are the machine's own.
   */
  private async refuseLinks(): Promise<void> {
    const below = relative(process.cwd(), this.path);
    const ours = below.startsWith('..') || below === '' ? 1 : below.split('/').length;
    let place = this.path;
    for (let i = 0; i < ours; i++, place = dirname(place)) {
      const found = await lstat(place).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      if (found?.isSymbolicLink())
        throw new Error(`${place} is a symbolic link: remove it, or choose another folder with --state`);
    }
  }

  async announce(runner: Runner): Promise<void> {
    await writeAtomically(join(this.path, 'mesh.json'), `${JSON.stringify(runner, null, 2)}\n`);
  }

  /** Objects of a kind of this mesh, all in one file. */
  async writeObjects(name: string, objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await writeAtomically(join(this.objects, `${name}.json`), `${JSON.stringify(list, null, 2)}\n`);
  }

  /** The process that runs a mesh here; undefined when there is none (any more). */
  async runner(): Promise<Runner | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.path, 'mesh.json'), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const { success, data } = runnerSchema.safeParse(parseJson(text));
    return success && isAlive(data.pid) ? data : undefined;
  }

  /** The mesh is gone; its logs stay, its keys do not. */
  async release(): Promise<void> {
    await rm(join(this.path, 'mesh.json'), { force: true });
    await rm(this.processes, { force: true });
    await rm(this.credentials, { recursive: true, force: true });
    await rm(this.objects, { recursive: true, force: true });
  }
}

/** A reader sees the whole old text or the whole new one. */
export async function writeAtomically(file: string, text: string): Promise<void> {
  const next = `${file}.next`;
  // Made anew: what stands there may be a link to elsewhere.
  await rm(next, { force: true });
  await writeFile(next, text, { mode: 0o600, flag: 'wx' });
  await rename(next, file);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // nothing that this program has written
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
