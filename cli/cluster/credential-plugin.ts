import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { KubeconfigContext } from '../../control-plane/kubernetes/kubeconfig-file.ts';
import { AccessError } from '../../control-plane/kubernetes/server-access.ts';

const versions = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];
/** A plugin may ask the user to log in somewhere. */
const timeoutMs = 120_000;
const maxBytes = 1024 * 1024;

const execConfig = z.object({
  apiVersion: z.string(),
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: z.string().optional(),
  provideClusterInfo: z.boolean().optional(),
  interactiveMode: z.enum(['Never', 'IfAvailable', 'Always']).optional(),
});

/** A credential plugin, as `users[].user.exec` names it (Kubernetes docs, "client-go credential plugins"). */
export type ExecConfig = z.infer<typeof execConfig>;

const execCredential = z.object({
  apiVersion: z.string(),
  status: z.object({
    token: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
  }),
});

export interface PluginTerminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether somebody can answer questions of the plugin. */
  readonly interactive: boolean;
}

/** What a plugin is told of the cluster, when it wants to know. */
export type PluginCluster = KubeconfigContext['cluster']['value'] & { readonly ca: string | undefined };

/** The credential plugin of a user; undefined when there is none. Throws an AccessError that names the field. */
export function execConfigOf({ user }: KubeconfigContext): ExecConfig | undefined {
  if (user.value.exec === undefined || user.value.exec === null) return undefined;
  const result = execConfig.safeParse(user.value.exec);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AccessError(`${user.file}: users.exec.${issue.path.join('.')}: ${issue.message}`);
}

/**
 * Runs the program that a kubeconfig names and takes the credentials that it prints. `folder` is that of the kubeconfig.
 * Rejects with an AccessError.
 */
export async function runCredentialPlugin(
  exec: ExecConfig,
  cluster: PluginCluster,
  folder: string,
  { environment, interactive }: PluginTerminal,
): Promise<{ readonly token?: string; readonly cert?: string; readonly key?: string }> {
  if (!versions.includes(exec.apiVersion)) {
    throw new AccessError(`users.exec.apiVersion (${exec.apiVersion}) must be one of ${versions.join(', ')}`);
  }
  const asks = interactive && exec.interactiveMode !== 'Never';
  if (exec.interactiveMode === 'Always' && !interactive) {
    throw new AccessError(`users.exec: ${exec.command} has to ask questions: run this in a terminal`);
  }
  const info = {
    apiVersion: exec.apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: asks,
      ...(exec.provideClusterInfo
        ? {
            cluster: {
              server: cluster.server,
              'tls-server-name': cluster['tls-server-name'],
              'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'] ?? false,
              'proxy-url': cluster['proxy-url'],
              'certificate-authority-data': cluster.ca && Buffer.from(cluster.ca).toString('base64'),
            },
          }
        : {}),
    },
  };
  const env = {
    ...environment,
    ...Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  };
  return readCredential(exec, await run(exec, folder, env, asks));
}

function readCredential(exec: ExecConfig, output: string) {
  let printed: unknown;
  try {
    printed = JSON.parse(output);
  } catch {
    throw new AccessError(`users.exec: ${exec.command} printed no JSON`);
  }
  const result = execCredential.safeParse(printed);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new AccessError(`users.exec: ${exec.command} printed no ExecCredential: ${issue.path.join('.')}`);
  }
  const { apiVersion, status } = result.data;
  const { token, clientCertificateData: cert, clientKeyData: key } = status;
  if (apiVersion !== exec.apiVersion) {
    throw new AccessError(`users.exec: ${exec.command} printed ${apiVersion} instead of ${exec.apiVersion}`);
  }
  if (token === undefined && (cert === undefined || key === undefined)) {
    throw new AccessError(`users.exec: ${exec.command} printed neither a token nor a certificate with its key`);
  }
  return { token, cert, key };
}

function run(exec: ExecConfig, folder: string, env: NodeJS.ProcessEnv, asks: boolean): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  // As with kubectl: a path is relative to the kubeconfig, a bare name is looked up in PATH.
  const command = exec.command.includes('/') ? resolve(folder, exec.command) : exec.command;
  const child = spawn(command, exec.args ?? [], { env, stdio: [asks ? 'inherit' : 'ignore', 'pipe', 'inherit'] });
  const fail = (message: string): void => {
    child.kill();
    const hint = exec.installHint ? `: ${exec.installHint.trim()}` : '';
    reject(new AccessError(`users.exec: ${exec.command} ${message}${hint}`));
  };
  const timer = setTimeout(() => fail(`gave no credentials within ${timeoutMs / 1000} s`), timeoutMs);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (output.length > maxBytes) fail(`printed more than ${maxBytes} bytes`);
  });
  child.on('error', (error) => fail(`cannot be run (${error.message})`));
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    if (code === 0) done(output);
    else fail(`failed (${signal ?? `exit code ${code}`})`);
  });
  return promise.finally(() => clearTimeout(timer));
}
