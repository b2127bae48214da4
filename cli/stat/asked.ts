import { type FigureQuery, subjectTitle, UnknownSubject } from '../../lib/figures/query.ts';
import type { PlaceOptions } from '../figures/open.ts';
import type { Format } from '../formats.ts';
import type { Resource } from '../resource.ts';
import { CommandError } from '../terminal.ts';

export interface StatOptions extends PlaceOptions {
  readonly allNamespaces?: boolean;
  readonly timeWindow: string;
  readonly watch?: boolean;
  readonly selector?: string;
  readonly to?: string;
  readonly toNamespace?: string;
  readonly from?: string;
  readonly fromNamespace?: string;
  readonly unmeshed?: boolean;
  readonly output: Format;
}

/** What `tulle stat` is to show. */
export interface AskedStats extends Pick<FigureQuery, 'to' | 'from'> {
  readonly wanted: Resource;
  /** Undefined: of all namespaces. */
  readonly namespace: string | undefined;
  readonly windowMs: number;
  readonly options: StatOptions;
  /** For messages: what is asked for, and where that is looked for. */
  readonly title: string;
  readonly where: string;
}

/** There is none of what is asked for: of several, the others are shown. */
export class NoneFound extends CommandError {}

/** An error of a query in the words of what was typed. */
export function unknownTitle(error: unknown, where: string): unknown {
  if (!(error instanceof UnknownSubject)) return error;
  const { role, subject } = error;
  // Who calls a Service is everyone, unless somebody is named.
  if (role === 'from' && subject.kind === 'namespace' && subject.name === undefined)
    return new CommandError('there is nobody who could call: no namespace with a pod is known');
  if (role === 'from') return new CommandError(`--from: ${error.message}`);
  return new NoneFound(`no ${subjectTitle(error.subject)} in ${where}`);
}
