import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { PolicyIndex } from '../../control-plane/policy/index/policy-index.ts';
import { toldObjects } from '../../control-plane/policy/status/told-objects.ts';
import { FileSource } from '../../control-plane/sources/file-source.ts';

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
  [field: string]: unknown;
}

interface ExecPod {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly containers: { readonly name: string; readonly env?: { name: string; value?: string }[] }[];
  };
  readonly status: { readonly podIP: string };
}

/** A local mesh as kubectl would see a cluster. */
export interface Place {
  /** Where files are that are named. */
  readonly cwd: string;
  /** The folder that the mesh runs. */
  readonly manifests: string;
  readonly stateFolder: string;
}

const root = resolve(import.meta.dirname, '../..');
const options = {
  namespace: { type: 'string', short: 'n', default: 'default' },
  filename: { type: 'string', short: 'f', multiple: true, default: [] as string[] },
  output: { type: 'string', short: 'o' },
  container: { type: 'string', short: 'c' },
  patch: { type: 'string', short: 'p' },
  type: { type: 'string' },
  all: { type: 'boolean', default: false },
  overwrite: { type: 'boolean' },
} as const;

/**
 * What kubectl would print, done to a local mesh: objects are the manifests of its folder, containers its processes. Knows
 * `apply -f`, `delete -f`, `delete KIND NAME`, `delete KIND --all`, `get KIND NAME -o yaml` of routes, `annotate KIND NAME`,
 * `patch KIND NAME --type json -p` with `replace`, and `exec deploy/NAME -c CONTAINER -- COMMAND`. Throws what is wrong.
 */
export async function kubectl(args: readonly string[], place: Place): Promise<string> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [verb, ...words] = positionals;
  const work = new Work(place, values.namespace);
  switch (verb) {
    case 'apply':
      for (const file of values.filename) work.apply(file);
      break;
    case 'delete':
      for (const file of values.filename) work.deleteFile(file);
      if (values.filename.length === 0)
        work.edit(words[0], values.all ? undefined : words[1], 'deleted', () => undefined);
      break;
    case 'annotate':
      work.edit(words[0], words[1], 'annotated', (object) => annotated(object, words.slice(2)));
      break;
    case 'patch':
      work.edit(words[0], words[1], 'patched', (object) => patched(object, values.patch ?? '[]'));
      break;
    case 'get':
      await work.get(words[0], words[1]);
      break;
    case 'exec':
      await work.exec(words[0], values.container, words.slice(1));
      break;
    default:
      throw new Error(`kubectl ${verb} is not known here`);
  }
  return work.printed;
}

class Work {
  printed = '';
  private readonly place: Place;
  private readonly namespace: string;

  constructor(place: Place, namespace: string) {
    this.place = place;
    this.namespace = namespace;
  }

  apply(name: string): void {
    const file = resolve(this.place.cwd, name);
    write(join(this.place.manifests, basename(file)), readFileSync(file, 'utf8'));
    this.say(objectsOf(file), 'applied');
  }

  deleteFile(name: string): void {
    this.say(objectsOf(resolve(this.place.cwd, name)), 'deleted');
    rmSync(join(this.place.manifests, basename(name)));
  }

  /** Replaces objects in the files that they stand in, or takes them out of them. */
  edit(kind: string, name: string | undefined, done: string, change: (object: Manifest) => Manifest | undefined): void {
    const { manifests } = this.place;
    let edited = 0;
    for (const file of readdirSync(manifests).map((entry) => join(manifests, entry))) {
      const objects = objectsOf(file);
      const named = objects.filter((object) => this.isNamed(object, kind, name));
      if (named.length === 0) continue;
      edited += named.length;
      this.say(named, done);
      const kept = objects.map((object) => (named.includes(object) ? change(object) : object));
      write(file, kept.flatMap((object) => (object === undefined ? [] : [stringify(object)])).join('---\n'));
    }
    if (edited === 0) throw new Error(`no ${kind} ${name ?? ''} in ${this.namespace}`);
  }

  /** With the status that the control plane of a cluster would write. */
  async get(kind: string, name: string): Promise<void> {
    const source = new FileSource({ folders: [this.place.manifests], onProblem: () => {} });
    const index = new PolicyIndex(source, () => {});
    await source.synced;
    const told = toldObjects(index, []).find(({ object }) => this.isNamed(object as unknown as Manifest, kind, name));
    index.close();
    source.close();
    if (told === undefined) throw new Error(`no ${kind} ${name} in ${this.namespace}`);
    this.printed += stringify({ ...told.object, status: told.status(new Date()) });
  }

  /** Rejects when the command fails. */
  async exec(workload: string, containerName: string | undefined, command: readonly string[]): Promise<void> {
    const name = `${workload.replace('deploy/', '')}-0`;
    const { items } = JSON.parse(readFileSync(join(this.place.stateFolder, 'objects/pods.json'), 'utf8'));
    const pod = (items as ExecPod[]).find(({ metadata }) => metadata.name === name);
    const container = pod?.spec.containers.find((one) => one.name === containerName);
    if (pod === undefined || container === undefined) throw new Error(`no container ${containerName} in ${workload}`);
    const env: Record<string, string> = { PATH: process.env['PATH'] ?? '' };
    for (const { name: variable, value } of container.env ?? []) {
      // What has no value is a field of the pod; all that is asked of here are addresses.
      env[variable] = value?.replaceAll(/\$\((\w+)\)/g, (_, of: string) => env[of]) ?? pod.status.podIP;
    }
    const { stdout } = await promisify(execFile)(command[0], command.slice(1), { cwd: root, env });
    this.printed += stdout;
  }

  private isNamed({ kind, metadata }: Manifest, wantedKind: string, name: string | undefined): boolean {
    const isKind = [kind.toLowerCase(), `${kind.toLowerCase()}s`].includes(wantedKind);
    return isKind && metadata.namespace === this.namespace && (name === undefined || metadata.name === name);
  }

  private say(objects: readonly Manifest[], done: string): void {
    for (const { kind, metadata } of objects) this.printed += `${kind.toLowerCase()}/${metadata.name} ${done}\n`;
  }
}

function annotated(object: Manifest, settings: readonly string[]): Manifest {
  const annotations = { ...object.metadata.annotations };
  for (const setting of settings) {
    if (setting.endsWith('-')) delete annotations[setting.slice(0, -1)];
    else annotations[setting.slice(0, setting.indexOf('='))] = setting.slice(setting.indexOf('=') + 1);
  }
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function patched(object: Manifest, patch: string): Manifest {
  for (const { op, path, value } of JSON.parse(patch) as { op: string; path: string; value: unknown }[]) {
    if (op !== 'replace') throw new Error(`patch: ${op} is not known here`);
    const keys = path.split('/').slice(1);
    const last = keys.pop() ?? '';
    const place = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, object);
    place[last] = value;
  }
  return object;
}

function objectsOf(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Manifest);
}

/** A reader sees the whole old file or the whole new one. */
function write(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}
