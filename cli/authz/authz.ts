import { Command, Option } from 'commander';
import type { AuthorizationRow } from '../../lib/figures/query.ts';
import type { MeshModel } from '../../model/mesh-model.ts';
import { askedMesh, hinted } from '../asked-mesh.ts';
import { eachBounded } from '../cluster/objects.ts';
import { stateOption } from '../diagnostics/mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { localRunner } from '../figures/local-directory.ts';
import { type PlaceOptions, warnOfSilent, withFigures } from '../figures/open.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { modelOf, modelOfCluster, modelOfNamespace } from '../model/read-model.ts';
import { parseResource, type Resource, resourceArgument } from '../resource.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { authzObjects, authzTable, withTraffic } from './authz-rows.ts';

interface AuthzOptions extends PlaceOptions {
  readonly allNamespaces?: boolean;
  readonly manifests?: string;
  readonly timeWindow?: string;
  readonly output: Format;
}

const concurrency = 4;

/** `tulle authz`: which Servers, routes and authorizations hold for workloads, and what came by them. */
export function authzCommand(terminal: Terminal): Command {
  return new Command('authz')
    .addArgument(
      resourceArgument('<resource...>', 'workload, or a kind of them: deploy/web, sts; ns/shop for all of a namespace'),
    )
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--manifests <folder>', 'of a folder of manifests, not of the mesh that runs')
    .addOption(
      new Option('-t, --time-window <duration>', 'with what sidecars count within this time').conflicts('manifests'),
    )
    .option(...stateOption)
    .addOption(formatOption('table', 'wide', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle authz -n shop deploy/orders -t 30s\n')
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<AuthzOptions>();
      const { timeWindow, output } = options;
      const wanted = parseResource(resource);
      const windowMs = timeWindow === undefined ? undefined : parseWaitMs('--time-window', timeWindow);
      const { model, workloads } = await asked(options, wanted, terminal);
      const held = workloads.flatMap((workload) => {
        const found = model.authorizationsOf(workload);
        if (found.length === 0) terminal.err(`warning: ${without(model, workload)}\n`);
        return found;
      });
      const rows =
        windowMs === undefined || held.length === 0
          ? held
          : withTraffic(held, await counted(workloads, windowMs, options, terminal));
      terminal.out(forPrograms(authzObjects(rows), output) ?? authzTable(rows, output === 'wide'));
    });
}

/** The model of the folder that is named, else of the mesh, and which of its workloads are meant. */
async function asked(
  options: AuthzOptions,
  wanted: Resource,
  terminal: Terminal,
): Promise<{ readonly model: MeshModel; readonly workloads: readonly string[] }> {
  const { allNamespaces, manifests, namespace: usual = 'default' } = options;
  const meant = (model: MeshModel, namespace: string) => ({
    model,
    workloads: chosen(model, wanted, allNamespaces ? undefined : namespace),
  });
  if (manifests !== undefined) return meant(modelOf(manifests, terminal), usual);
  const mesh = await askedMesh(options, terminal);
  return hinted(mesh, async () => {
    if (mesh.stateFolder !== undefined) {
      const runner = await localRunner(mesh.stateFolder);
      return meant(modelOf(runner.manifests, terminal), usual);
    }
    const isOfAll = wanted.kind === 'namespace' ? wanted.name === undefined : allNamespaces;
    const named = wanted.kind === 'namespace' ? wanted.name : undefined;
    const { model, namespace } = isOfAll
      ? await modelOfCluster(options, terminal)
      : await modelOfNamespace(options, terminal, named);
    return meant(model, namespace);
  });
}

/** Names of the workloads that are asked for, as the model has them: `shop/deployment/web`. */
function chosen(model: MeshModel, { kind, name }: Resource, namespace: string | undefined): readonly string[] {
  if (kind === 'pod') throw new UsageError('policy is that of workloads: name one, such as deploy/web');
  const found = model.workloads.filter((workload) => {
    const [ownNamespace, ownKind, ownName] = workload.split('/');
    if (kind === 'namespace') return name === undefined || ownNamespace === name;
    if (namespace !== undefined && ownNamespace !== namespace) return false;
    return ownKind === kind && (name === undefined || ownName === name);
  });
  if (found.length > 0) return found;
  const place = kind === 'namespace' || namespace === undefined ? '' : ` in namespace ${namespace} (-n names another)`;
  throw new CommandError(`no ${[kind, name].filter(Boolean).join('/')}${place}`);
}

const without = (model: MeshModel, workload: string): string =>
  model.isMeshed(workload)
    ? `${workload} has no port that is known: declare one, or a Service`
    : `${workload} has no sidecar: whoever reaches it is let in`;

/** What the sidecars of each workload count by authorization. */
async function counted(
  workloads: readonly string[],
  windowMs: number,
  options: AuthzOptions,
  terminal: Terminal,
): Promise<Map<string, readonly AuthorizationRow[]>> {
  const found = new Map<string, readonly AuthorizationRow[]>();
  await withFigures(options, terminal, async ({ store, signal }) => {
    await eachBounded(workloads, concurrency, async (workload) => {
      const [namespace, kind, name] = workload.split('/');
      const query = { by: 'authorization', subject: { kind, name, namespace }, windowMs } as const;
      const { rows, silent } = await store.query(query, signal);
      warnOfSilent(silent, terminal);
      found.set(workload, rows);
    });
  });
  return found;
}
