import { resolve } from 'node:path';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import type { FiguresStore, Silent, Subject } from '../../lib/figures/query.ts';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { type ClusterOptions, clusterPlace, connectCluster, explain } from '../cluster/cluster.ts';
import { printable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { clusterDirectory } from './cluster-directory.ts';
import { localDirectory, runsLocally } from './local-directory.ts';
import { clusterScraper, directScraper } from './scraper.ts';
import { ScrapingStore } from './scraping-store.ts';

/** Where figures are asked for. */
export interface PlaceOptions extends ClusterOptions {
  readonly state?: string;
}

/** The mesh that is asked. */
export interface FiguresPlace {
  readonly store: FiguresStore;
  /** The namespace when none is given. */
  readonly namespace: string;
  /** For messages. */
  readonly title: string;
  readonly local: boolean;
  /** Aborts when the work is over, however it ended. */
  readonly signal: AbortSignal;
}

/** Asks the mesh that the options name, the local one when none is named and one runs here, and closes it behind. */
export async function withFigures(
  options: PlaceOptions,
  terminal: Terminal,
  work: (place: FiguresPlace) => Promise<void>,
): Promise<void> {
  const place = await open(options, terminal);
  const over = new AbortController();
  try {
    await work({ ...place, signal: over.signal });
  } catch (error) {
    throw error instanceof ApiError ? new CommandError(explain(error, place)) : error;
  } finally {
    over.abort();
    place.store.close();
  }
}

async function open(options: PlaceOptions, terminal: Terminal): Promise<Omit<FiguresPlace, 'signal'>> {
  const stateFolder = resolve(terminal.cwd, options.state ?? defaultStateFolder);
  const named = options.kubeconfig !== undefined || options.context !== undefined;
  const local = options.state !== undefined || (!named && (await runsLocally(stateFolder)));
  if (local || (!named && clusterPlace(options, terminal) === undefined)) {
    const store = new ScrapingStore(await localDirectory(stateFolder), directScraper);
    return { store, namespace: options.namespace ?? 'default', title: 'the local mesh', local: true };
  }
  const cluster = await connectCluster(options, terminal);
  const directory = clusterDirectory(cluster, (message) => terminal.err(`warning: ${message}\n`));
  const store = new ScrapingStore(directory, clusterScraper(cluster));
  return { store, namespace: cluster.namespace, title: cluster.title, local: false };
}

/** A namespace stands in no other. */
export const subjectIn = (subject: Subject, namespace: string | undefined): Subject =>
  subject.kind === 'namespace' ? subject : { ...subject, namespace };

export function warnOfSilent({ count, some }: Silent, { err }: Terminal): void {
  for (const { namespace, name, reason } of some) {
    err(`warning: the sidecar of ${namespace}/${name} is not counted: ${printable(reason)}\n`);
  }
  if (count > some.length) err(`warning: nor are ${count - some.length} more, of ${count} in all\n`);
}
