import type { FiguresStore, Silent, Subject } from '../../lib/figures/query.ts';
import { type AskedMesh, askedMesh, hinted, type MeshPlaceOptions } from '../asked-mesh.ts';
import { connectCluster, told } from '../cluster/cluster.ts';
import { printable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { clusterDirectory } from './cluster-directory.ts';
import { localDirectory } from './local-directory.ts';
import { clusterScraper, directScraper } from './scraper.ts';
import { ScrapingStore } from './scraping-store.ts';

/** Where figures are asked for. */
export type PlaceOptions = MeshPlaceOptions;

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

/** Asks the mesh that the options name, and closes it behind. */
export async function withFigures(
  options: PlaceOptions,
  terminal: Terminal,
  work: (place: FiguresPlace) => Promise<void>,
): Promise<void> {
  const asked = await askedMesh(options, terminal);
  await hinted(asked, async () => {
    const place = await open(asked, options, terminal);
    const over = new AbortController();
    try {
      await work({ ...place, signal: over.signal });
    } catch (error) {
      throw told(error, place);
    } finally {
      over.abort();
      place.store.close();
    }
  });
}

async function open(
  { stateFolder }: AskedMesh,
  options: PlaceOptions,
  terminal: Terminal,
): Promise<Omit<FiguresPlace, 'signal'>> {
  if (stateFolder !== undefined) {
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

/** What is meant by a resource and the option that names its namespace: by that alone, all of the namespace. */
export function peerOf(
  resource: Subject | undefined,
  namespace: string | undefined,
  usual: string | undefined,
): Subject | undefined {
  if (resource !== undefined) return subjectIn(resource, namespace ?? usual);
  return namespace === undefined ? undefined : { kind: 'namespace', name: namespace };
}

export function warnOfSilent({ count, some }: Silent, { err }: Terminal): void {
  for (const { namespace, name, reason } of some) {
    err(`warning: the sidecar of ${namespace}/${name} is not counted: ${printable(reason)}\n`);
  }
  if (count > some.length) err(`warning: nor are ${count - some.length} more, of ${count} in all\n`);
}
