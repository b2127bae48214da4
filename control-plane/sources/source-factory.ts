import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { ObjectSource } from './object-source.ts';
import type { HandlerFailure } from './object-store.ts';
import type { Scope } from './scope.ts';

/** What sources are opened with. */
export interface SourceContext {
  /** Of the source: it names it. */
  readonly log: Logger;
  readonly registry: Registry;
  readonly scope: Scope;
  /** The API server, connected when it is first asked for. Who opened the sources uses it too. */
  readonly cluster: () => Promise<KubernetesClient>;
  readonly onHandlerFailure: (failure: HandlerFailure) => void;
}

/** How the sources of one scheme are opened. A source is named by its scheme, and what comes after a colon: `file:dist`. */
export interface SourceFactory {
  readonly scheme: string;
  /** How its sources are named, for messages: `file:FOLDER`. */
  readonly form: string;
  /** Whether what comes after the colon names one; `undefined` when there is no colon. */
  accepts(rest: string | undefined): boolean;
  /** Rejects with an error that says what cannot be opened. */
  open(rest: string, context: SourceContext): Promise<ObjectSource>;
}
