import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type Kind, kindInfo } from './kinds.ts';

/** Linkerd's names (control plane, `<resource>_informer_lag_seconds`), for the kinds for which it has them. */
const lagKinds: readonly Kind[] = ['Service', 'EndpointSlice', 'Pod', 'Server', 'ServiceProfile'];

/** Why a list or a watch began anew. */
export type RestartReason =
  | 'ended'
  | 'expired'
  | 'silent'
  | 'network'
  | 'throttled'
  | 'server_error'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'decode'
  | 'other';

/** What a source of an API server counts, by kind. */
export class SourceMetrics {
  readonly lists: Counter<'kind'>;
  readonly watches: Counter<'kind'>;
  readonly restarts: Counter<'kind' | 'reason'>;
  readonly events: Counter<'kind' | 'type'>;
  readonly decodeErrors: Counter<'kind'>;
  readonly handlerErrors: Counter<'kind'>;
  readonly objects: Gauge<'kind'>;
  readonly forbidden: Gauge<'kind' | 'namespace'>;
  readonly absentNamespaces: Gauge<'namespace'>;
  readonly lastHeard: Gauge<'kind'>;
  readonly lag: ReadonlyMap<Kind, Histogram>;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
      new Counter({ name: `kubernetes_source_${name}`, help, labelNames, registers });
    this.lists = counter('lists_total', 'Lists that were read to their end', 'kind');
    this.watches = counter('watches_total', 'Watches that the API server began', 'kind');
    this.restarts = counter('restarts_total', 'Lists and watches that ended, by why', 'kind', 'reason');
    this.events = counter('events_total', 'Watch events by type', 'kind', 'type');
    this.decodeErrors = counter('decode_errors_total', 'Objects and events that could not be read', 'kind');
    this.handlerErrors = counter('handler_errors_total', 'Changes on which a handler failed', 'kind');
    this.objects = new Gauge({
      name: 'kubernetes_source_objects',
      help: 'Objects that are held',
      labelNames: ['kind'],
      registers,
    });
    this.forbidden = new Gauge({
      name: 'kubernetes_source_forbidden',
      help: '1 while the API server refuses to let a kind be read: in a namespace, or, when that is empty, in all',
      labelNames: ['kind', 'namespace'],
      registers,
    });
    this.absentNamespaces = new Gauge({
      name: 'kubernetes_source_namespace_absent',
      help: '1 while a namespace that is to be read does not exist',
      labelNames: ['namespace'],
      registers,
    });
    this.lastHeard = new Gauge({
      name: 'kubernetes_source_last_heard_timestamp_seconds',
      help: 'When the API server last said something of a kind: an object, an event or a bookmark',
      labelNames: ['kind'],
      registers,
    });
    this.lag = new Map(
      lagKinds.map((kind) => [
        kind,
        new Histogram({
          name: `${kindInfo[kind].plural}_informer_lag_seconds`,
          help: `The time between a change of one of the ${kindInfo[kind].plural} and when it was seen here`,
          buckets: [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000],
          registers,
        }),
      ]),
    );
  }
}
