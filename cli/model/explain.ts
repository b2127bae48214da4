import { Command } from 'commander';
import type { CallResult } from '../../model/call-result.ts';
import type { MeshModel } from '../../model/mesh-model.ts';
import type { ClusterOptions } from '../cluster/place.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { printable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { modelOf, modelOfCluster } from './read-model.ts';

interface ExplainOptions extends ClusterOptions {
  readonly cluster?: true;
  readonly from?: string;
  readonly address?: string;
  readonly header: readonly string[];
  readonly grpc?: true;
  readonly serverName?: string;
  readonly token?: true;
  readonly manifests: string;
  readonly output: Format;
}

/** `tulle explain`: what the mesh of a folder of manifests makes of a call, and why. Exit code 1 when it is refused. */
export function explainCommand(terminal: Terminal): Command {
  return new Command('explain')
    .argument(
      '<call...>',
      'method and URL: GET http://orders.shop:8080/v2/items; the URL alone is a GET; tcp://db:5432 and tls://api.example are connections',
    )
    .option(
      '--from <workload>',
      'who calls: web, shop/web or shop/deployment/web (default: a client outside of the mesh)',
    )
    .option('--address <ip>', 'address of a client outside of the mesh (default: one outside of the cluster)')
    .option('-H, --header <header>', 'a header of the call, such as "x-canary: 1"; may be repeated', collect, [])
    .option('--grpc', 'it is a gRPC call')
    .option('--server-name <name>', "name that a connection's TLS asks for (default: the host of tls://)")
    .option('--token', 'it brings a valid token of an end user')
    .option('--cluster', 'ask the mesh of the cluster, not that of a folder')
    .option('--manifests <folder>', 'the manifests of the mesh and of its workloads', 'dist')
    .addOption(formatOption('text', 'json', 'yaml'))
    .addHelpText(
      'after',
      "\nExample:\n  tulle explain --from shop/web -H 'x-canary: 1' GET http://orders.shop:8080/v2/items\n",
    )
    .action(async (call: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ExplainOptions>();
      const model = options.cluster
        ? (await modelOfCluster(options, terminal)).model
        : modelOf(options.manifests, terminal);
      const { method, to } = parsed(call);
      const result = ask(model, method, to, options);
      terminal.out(
        forPrograms(result, options.output) ??
          explained(method === undefined ? to : `${method} ${to}`, callerOf(options), result),
      );
      if (!result.allowed) throw new CommandError('');
    });
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

/** Connections have no method. */
function parsed(call: readonly string[]): { method: string | undefined; to: string } {
  const to = call.at(-1) ?? '';
  const isConnection = /^t(cp|ls):/.test(to);
  if (call.length > (isConnection ? 1 : 2)) {
    const what = isConnection ? 'a URL alone: tcp://db:5432' : 'a method and a URL: GET http://orders:8080/';
    throw new UsageError(`'${call.join(' ')}' must be ${what}`);
  }
  return { method: isConnection ? undefined : call.length === 1 ? 'GET' : call[0], to };
}

function ask(model: MeshModel, method: string | undefined, to: string, options: ExplainOptions): CallResult {
  const { header, token = false, namespace, serverName, address } = options;
  if (address !== undefined && options.from !== undefined)
    throw new UsageError(
      `--address (${address}) must not be given with --from (${options.from}), whose pods have theirs`,
    );
  const isShort = options.from !== undefined && !options.from.includes('/');
  const from = isShort && namespace !== undefined ? `${namespace}/${options.from}` : options.from;
  const grpc = options.grpc === true ? { grpc: true } : {};
  try {
    return model.call({
      ...(from === undefined ? {} : { from }),
      ...(address === undefined ? {} : { address }),
      to,
      ...(method === undefined ? {} : { method }),
      ...(serverName === undefined ? {} : { serverName }),
      headers: headersOf(header),
      token,
      ...grpc,
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function headersOf(headers: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    headers.map((header) => {
      const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(header) ?? [];
      if (name === undefined) throw new UsageError(`--header (${header}) must be a name and a value: "x-canary: 1"`);
      return [name, value];
    }),
  );
}

const callerOf = ({ from, address }: ExplainOptions): string =>
  from ?? (address === undefined ? 'outside of the mesh' : `${address}, outside of the mesh`);

function explained(call: string, from: string, result: CallResult): string {
  const { allowed, by, status, mtls, route, inboundRoute, timeoutMs, retries, backends, steps } = result;
  const answer = status === undefined ? '' : status === 0 ? ', without an answer' : `, answered ${status}`;
  const lines = [
    `${call} from ${from}`,
    allowed ? `allowed by ${by}, ${mtls ? 'encrypted by the mesh' : 'not encrypted'}` : `refused: ${by}${answer}`,
    ...(route === undefined ? [] : [`sent by ${route}`]),
    ...(inboundRoute === undefined ? [] : [`taken by ${inboundRoute}`]),
    ...(timeoutMs === undefined ? [] : [`at most ${timeoutMs} ms`]),
    ...(retries === 0
      ? []
      : [Number.isFinite(retries) ? `tried again at most ${retries} times` : 'tried again by a budget']),
    ...backends.map(
      ({ service, namespace, port, share }) =>
        `${Math.round(share * 1000) / 10} % to ${namespace === undefined ? '' : `${namespace}/`}${service}:${port}`,
    ),
    ...(steps.length === 0 ? [] : ['', 'what was looked at:', ...steps.map((step) => `  ${step}`)]),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}
