import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { AccessError } from './server-access.ts';

const text = z.string().optional();
const cluster = z.object({
  server: z.string(),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'tls-server-name': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'proxy-url': text,
});
const user = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  as: text,
  'as-groups': z.array(z.string()).nullish(),
  // Read when it is used: another user's mistake is not in the way.
  exec: z.unknown().optional(),
  'auth-provider': z.unknown().optional(),
});
const context = z.object({ cluster: z.string(), user: text, namespace: text });
const kubeconfig = z.object({
  'current-context': text,
  clusters: z.array(z.object({ name: z.string(), cluster })).nullish(),
  users: z.array(z.object({ name: z.string(), user })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context })).nullish(),
});

type Kubeconfig = z.infer<typeof kubeconfig>;

/** An entry with the file that it stands in: relative paths in it are relative to that file's folder. */
interface Found<T> {
  readonly name: string;
  readonly value: T;
  readonly file: string;
  readonly folder: string;
}

/** What a context leads to. */
export interface KubeconfigContext {
  readonly name: string;
  /** The namespace that commands ask for when none is named. */
  readonly namespace: string | undefined;
  readonly cluster: Found<z.infer<typeof cluster>>;
  readonly user: Found<z.infer<typeof user>>;
}

/**
 * The context `name`, else the current one, of kubeconfig files. Of entries with the same name that of the first file
 * counts, as with kubectl. Rejects with an AccessError that names the file and the field.
 */
export async function readContext(paths: readonly string[], name?: string): Promise<KubeconfigContext> {
  const files = await Promise.all(paths.map(async (path) => ({ path, config: await readKubeconfig(path) })));
  const all = paths.join(', ');
  const contextName = name ?? files.map(({ config }) => config['current-context']).find(Boolean);
  if (!contextName) throw new AccessError(`${all}: current-context is not set: name a context`);
  const pick = <T>(what: string, wanted: string, entry: (config: Kubeconfig) => T | undefined): Found<T> => {
    for (const { path, config } of files) {
      const value = entry(config);
      if (value !== undefined) return { name: wanted, value, file: path, folder: dirname(path) };
    }
    throw new AccessError(`${all}: there is no ${what} '${wanted}'`);
  };
  const named = <T extends { readonly name: string }>(list: readonly T[] | null | undefined, wanted: string) =>
    list?.find((item) => item.name === wanted);
  const {
    value: chosen,
    file,
    folder,
  } = pick('context', contextName, ({ contexts }) => named(contexts, contextName)?.context);
  const userName = chosen.user;
  return {
    name: contextName,
    namespace: chosen.namespace || undefined,
    cluster: pick('cluster', chosen.cluster, ({ clusters }) => named(clusters, chosen.cluster)?.cluster),
    user: userName
      ? pick('user', userName, ({ users }) => named(users, userName)?.user)
      : { name: '', value: {}, file, folder },
  };
}

async function readKubeconfig(path: string): Promise<Kubeconfig> {
  let content: unknown;
  try {
    content = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new AccessError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  const result = kubeconfig.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AccessError(`${path}: ${issue.path.join('.') || 'kubeconfig'}: ${issue.message}`);
}
