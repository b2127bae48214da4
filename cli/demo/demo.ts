import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { FiguresStore } from '../../lib/figures/query.ts';
import { LocalMesh } from '../../local/local-mesh.ts';
import { packageRoot } from '../../local/package-root.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { requireCheckout } from '../checkout.ts';
import { parseWaitMs } from '../duration.ts';
import { localDirectory } from '../figures/local-directory.ts';
import { warnOfSilent } from '../figures/open.ts';
import { directScraper } from '../figures/scraper.ts';
import { ScrapingStore } from '../figures/scraping-store.ts';
import { routesTable } from '../routes/routes-table.ts';
import { table } from '../stat/stat.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { edgeRows, findFaults } from './edges.ts';

const readyTimeoutMs = 60_000;
const windowMs = 10_000;
const edgesTimeoutMs = 10_000;
const subject = { kind: 'deployment', namespace: 'emojivoto' };
/** The calls that emojivoto makes, by deployment. */
const calls = [
  ['vote-bot', 'web'],
  ['web', 'emoji'],
  ['web', 'voting'],
] as const;

/** `tulle demo`, which is `npm start`: synthesizes emojivoto and the mesh, and runs them here. */
export function demoCommand(terminal: Terminal): Command {
  return new Command('demo')
    .option('--for <duration>', 'end after this time, such as 30s (default: run until Ctrl-C)')
    .option('--state <folder>', 'where logs and addresses are kept', defaultStateFolder)
    .action(async (options: { for?: string; state: string }) => {
      requireCheckout('demo');
      const forMs = options.for === undefined ? undefined : parseWaitMs('--for', options.for);
      const manifests = await mkdtemp(join(tmpdir(), 'tulle-demo-'));
      try {
        await synth('synth/main.ts', manifests);
        await synth('examples/emojivoto/main.ts', manifests);
        await runDemo(terminal, manifests, resolve(terminal.cwd, options.state), forMs);
      } finally {
        await rm(manifests, { recursive: true, force: true });
      }
    });
}

async function runDemo(terminal: Terminal, manifests: string, stateFolder: string, forMs: number | undefined) {
  const { out, err, environment } = terminal;
  const stop = new AbortController();
  terminal.onStop(() => stop.abort());
  out('emojivoto and the mesh are synthesized; starting them\n');
  let mesh: LocalMesh;
  try {
    const report = (line: string): void => err(`${line}\n`);
    mesh = await LocalMesh.start({ manifests, stateFolder, cwd: packageRoot, environment, report });
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
  try {
    if (!(await mesh.ready(readyTimeoutMs))) {
      throw new CommandError(`not all pods became ready within ${readyTimeoutMs / 1000} s: see ${mesh.logs}`);
    }
    const web = mesh.pods.find(({ plan }) => plan.owner.name === 'web');
    out(`ready. The page is at http://${web?.plan.ip}:8080/ ; logs are in ${mesh.logs}\n\n`);
    const store = new ScrapingStore(await localDirectory(stateFolder), directScraper);
    await watch(store, terminal, forMs, stop.signal);
  } finally {
    await mesh.stop();
  }
}

/** Shows the traffic now and then, or once at the end of the time given, and checks it. */
async function watch(
  store: FiguresStore,
  terminal: Terminal,
  forMs: number | undefined,
  stop: AbortSignal,
): Promise<void> {
  const { out } = terminal;
  const endMs = forMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + forMs;
  while (!stop.aborted && Date.now() < endMs) {
    const window = { subject, windowMs: Math.min(forMs ?? windowMs, endMs - Date.now()) };
    try {
      const [workloads, routes] = await Promise.all([
        store.query({ by: 'workload', ...window }, stop),
        store.query({ by: 'route', ...window }, stop),
      ]);
      warnOfSilent(workloads.silent, terminal);
      out(`${table(workloads.rows)}\n`);
      out(`${routesTable(routes.rows)}\n`);
    } catch (error) {
      if (!stop.aborted) throw error;
    }
  }
  const edges = await store.query({ by: 'edge', subject }, AbortSignal.timeout(edgesTimeoutMs));
  const rows = edges.rows.filter(({ requests }) => requests > 0);
  out(formatTable(['SRC', 'DST', 'REQUESTS', 'SECURED'], edgeRows(rows), 2));
  const faults = findFaults(rows, calls);
  if (faults.length > 0) throw new CommandError(faults.join('\nerror: '));
  out('every call went through two sidecars with mutual TLS\n');
}

async function synth(app: string, folder: string): Promise<void> {
  const child = spawn(process.execPath, [join(packageRoot, app)], {
    cwd: packageRoot,
    env: { ...process.env, CDK8S_OUTDIR: folder },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolveCode, reject) => child.on('exit', resolveCode).on('error', reject));
  if (code !== 0) throw new CommandError(`${app} could not be synthesized (exit code ${code})`);
}
