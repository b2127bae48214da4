import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import * as yaml from 'yaml';
import type { ProfileRoute, ServiceProfile } from '../../lib/kinds/service-profile.ts';
import { DescriptionError } from '../../lib/profile/description-error.ts';
import { openApiRoutes } from '../../lib/profile/open-api.ts';
import { protoRoutes } from '../../lib/profile/proto.ts';
import { documentOf } from '../../lib/traffic/description-document.ts';
import { stateOption } from '../diagnostics/mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { formatObjects } from '../manifests/manifest-stream.ts';
import { resourceOption } from '../resource.ts';
import type { TapOptions } from '../tap/request.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { unread } from '../unread.ts';
import { profileTemplate } from './template.ts';

interface ProfileOptions extends TapOptions {
  readonly template?: true;
  readonly openApi?: string;
  readonly proto?: string;
  readonly tap?: string;
  readonly tapDuration: string;
  readonly tapRouteLimit: string;
  readonly clusterDomain: string;
  readonly basePath?: string;
}

const sources = ['template', 'openApi', 'proto', 'tap'] as const;
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const maxRoutes = 1000;
/** Of a tap that is to see every route: more than one sees by looking. */
const tapRps = '1000';

/** `tulle profile`: the ServiceProfile of a Service, for `kubectl apply -f -`. */
export function profileCommand(terminal: Terminal): Command {
  return new Command('profile')
    .argument('<service>', 'name of the Service, or name.namespace')
    .option('--template', 'one to begin with, with every field explained')
    .option('--open-api <file>', 'routes of a document of OpenAPI 3 or Swagger 2.0; - for standard input')
    .option('--proto <file>', 'routes of the services of a .proto file; - for standard input')
    .addOption(resourceOption('--tap <resource>', 'routes of the requests that come in to this now: deploy/web'))
    .option('--tap-duration <duration>', 'how long to look at them', '5s')
    .option('--tap-route-limit <number>', 'most routes', '20')
    .addOption(new Option('--base-path <path>', 'path under which the Service has what --open-api describes'))
    .option('--cluster-domain <domain>', 'DNS domain of the cluster', 'cluster.local')
    .option(...stateOption)
    .addHelpText('after', '\nExample:\n  tulle profile -n shop orders --open-api orders.yaml | kubectl apply -f -\n')
    .action(async (service: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ProfileOptions>();
      const given = sources.filter((source) => options[source] !== undefined);
      if (given.length !== 1) {
        throw new UsageError('give one of --template, --open-api, --proto and --tap: where its routes are from');
      }
      const { name, namespace } = namesOf(service, options);
      if (options.template) terminal.out(profileTemplate(name, namespace));
      else terminal.out(formatObjects([profileOf(name, namespace, await routesOf(options, namespace, terminal))]));
    });
}

function namesOf(service: string, { namespace, clusterDomain }: ProfileOptions): { name: string; namespace: string } {
  const [name, ownNamespace, ...rest] = service.split('.');
  const chosen = ownNamespace ?? namespace ?? 'default';
  if (rest.length > 0 || ![name, chosen].every((each) => label.test(each))) {
    throw new UsageError(`'${service}' must be the name of a Service, or name.namespace: orders.shop`);
  }
  if (!clusterDomain.split('.').every((each) => label.test(each))) {
    throw new UsageError(`--cluster-domain (${clusterDomain}) must be a DNS domain such as cluster.local`);
  }
  return { name: `${name}.${chosen}.svc.${clusterDomain}`, namespace: chosen };
}

const profileOf = (name: string, namespace: string, routes: ProfileRoute[]) =>
  ({
    apiVersion: 'linkerd.io/v1alpha2',
    kind: 'ServiceProfile',
    metadata: { name, namespace },
    spec: { routes },
  }) satisfies ServiceProfile;

async function routesOf(options: ProfileOptions, namespace: string, terminal: Terminal): Promise<ProfileRoute[]> {
  const { openApi, proto, basePath } = options;
  if (openApi !== undefined) {
    return described(openApi, terminal, (text) => openApiRoutes(documentOf(text, yaml), { basePath }));
  }
  if (proto !== undefined) return described(proto, terminal, protoRoutes);
  return tapped(options, namespace, terminal);
}

async function described(
  file: string,
  terminal: Terminal,
  read: (text: string) => ProfileRoute[],
): Promise<ProfileRoute[]> {
  const name = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = Buffer.from(file === '-' ? await terminal.input() : await readFile(resolve(terminal.cwd, file))).toString();
  } catch (error) {
    throw unread(name, error);
  }
  let routes: ProfileRoute[];
  try {
    routes = read(text);
  } catch (error) {
    throw error instanceof DescriptionError ? new CommandError(`${name}: ${(error as Error).message}`) : error;
  }
  if (routes.length === 0) throw new CommandError(`${name} describes no operation: there is nothing to make routes of`);
  return routes;
}

async function tapped(options: ProfileOptions, namespace: string, terminal: Terminal): Promise<ProfileRoute[]> {
  const forMs = parseWaitMs('--tap-duration', options.tapDuration);
  const limit = Number(options.tapRouteLimit);
  if (!(Number.isInteger(limit) && limit > 0 && limit <= maxRoutes)) {
    throw new UsageError(`--tap-route-limit (${options.tapRouteLimit}) must be a number from 1 to ${maxRoutes}`);
  }
  // Taps are loaded by this alone.
  const { TappedRoutes } = await import('./tapped-routes.ts');
  const { tapRequest } = await import('../tap/request.ts');
  const { runTap, withTaps } = await import('../tap/tap.ts');
  const found = new TappedRoutes(limit);
  await withTaps(options, terminal, async (source) => {
    const request = tapRequest([options.tap ?? ''], { ...options, maxRps: tapRps }, namespace, false);
    await runTap(source, request, forMs, terminal, { onEvent: (event) => found.add(event) });
  });
  const routes = found.routes();
  if (routes.length === 0) {
    throw new CommandError(
      `no request came in to ${options.tap} within ${options.tapDuration}: --tap-duration waits longer`,
    );
  }
  if (found.leftOut > 0) {
    terminal.err(`warning: ${found.leftOut} requests are in no route: --tap-route-limit allows more than ${limit}\n`);
  }
  return routes;
}
