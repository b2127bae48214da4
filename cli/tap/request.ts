import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Command, Option } from 'commander';
import {
  type TapByResourceRequest,
  type TapByResourceRequest_MatchSchema,
  TapByResourceRequestSchema,
} from '../../api/gen/viz_tap_pb.js';
import type { PlaceOptions } from '../figures/open.ts';
import { calledOption, parseCalled, parseResource } from '../resource.ts';
import { UsageError } from '../terminal.ts';

/** What requests are shown. */
export interface TapOptions extends PlaceOptions {
  /** Bytes of each body; undefined: none. */
  readonly bodyBytes?: number;
  readonly to?: string;
  readonly toNamespace?: string;
  readonly method?: string;
  readonly scheme?: string;
  readonly authority?: string;
  readonly path?: string;
  readonly header?: readonly string[];
  readonly status?: string;
  readonly grpcStatus?: string;
  readonly sample?: string;
  readonly maxRps: string;
  readonly selector?: string;
}

const highestRps = 100_000;

type Match = MessageInitShape<typeof TapByResourceRequest_MatchSchema>;

/** The options of `tap` and `top` that say which requests are meant. */
export const withTapOptions = (command: Command): Command =>
  command
    .addOption(calledOption('--to <resource>', 'only calls to this: deploy/voting, svc/voting, ns/shop'))
    .option('--to-namespace <name>', 'namespace of --to (default: that of the workloads); alone, calls to all of it')
    .option('--method <method>', 'only requests with this method')
    .option('--scheme <scheme>', 'only requests with this scheme')
    .option('--authority <authority>', 'only requests for this authority, port included')
    .option('--path <prefix>', 'only requests whose path begins so')
    .addOption(
      new Option(
        '--header <name[:prefix]>',
        'only requests with this field, and a value that begins so; may be repeated',
      ).argParser((text, before: readonly string[] = []) => [...before, text]),
    )
    .option('--status <status>', 'only requests answered so: 503, 5xx, 400-599')
    .option('--grpc-status <status>', 'only gRPC calls that end so: 14, 1-16')
    .option('--sample <part>', 'of those, only this part, by chance: 0.01')
    .option('--max-rps <number>', 'most requests in a second, of all pods together', '100')
    .option('-l, --selector <labels>', 'of workloads with these labels');

/** Reads the options. Throws a UsageError that names the option and the fix. */
export function tapRequest(
  resource: readonly string[],
  options: TapOptions,
  namespace: string,
  headers: boolean,
): TapByResourceRequest {
  const { kind, name = '' } = parseResource(resource);
  const isNamespace = kind === 'namespace';
  if (isNamespace && name === '') throw new UsageError("'ns' must have a name: ns/shop");
  const { maxRps, selector = '', sample } = options;
  const rps = Number(maxRps);
  if (!(rps > 0 && rps <= highestRps) || maxRps.trim() === '') {
    throw new UsageError(`--max-rps (${maxRps}) must be a number above 0, and ${highestRps} at most`);
  }
  return create(TapByResourceRequestSchema, {
    target: {
      resource: { namespace: isNamespace ? '' : namespace, type: kind, name },
      labelSelector: selector,
    },
    match: { match: { case: 'all', value: { matches: matchesOf(options, namespace) } } },
    maxRps: rps,
    bodyBytes: options.bodyBytes ?? 0,
    extract: headers
      ? { extract: { case: 'http', value: { extract: { case: 'headers', value: {} } } } }
      : { extract: { case: 'http', value: {} } },
    options: sample === undefined ? undefined : { sample: ratioOf(sample) },
  });
}

/** Throws as `tapRequest` does, before a mesh is asked for its namespace. */
export function checkTap(resource: readonly string[], options: TapOptions): void {
  tapRequest(resource, options, options.namespace ?? '', false);
}

function matchesOf(options: TapOptions, namespace: string): Match[] {
  const { to, toNamespace, scheme, method, authority, path, header = [], status, grpcStatus } = options;
  const http = (kind: 'scheme' | 'method' | 'authority' | 'path', value: string | undefined): Match[] =>
    value === undefined ? [] : [{ match: { case: 'http', value: { match: { case: kind, value } } } }];
  return [
    ...(to === undefined ? [] : [destination(to, toNamespace ?? namespace)]),
    ...(to === undefined && toNamespace !== undefined ? [destination(`ns/${toNamespace}`, '')] : []),
    ...http('scheme', scheme),
    ...http('method', method),
    ...http('authority', authority),
    ...http('path', path),
    ...header.map(fieldMatch),
    ...rangeMatch('--status', 'status', status, 100, 599),
    ...rangeMatch('--grpc-status', 'grpcStatus', grpcStatus, 0, 16),
  ];
}

/** Clients know the Service that they call, too. */
function destination(to: string, namespace: string): Match {
  const { kind: type, name = '' } = parseCalled([to]);
  const resource = { type, name, namespace: type === 'namespace' ? '' : namespace };
  return { match: { case: 'destinations', value: { resource } } };
}

function fieldMatch(text: string): Match {
  const [name, ...rest] = text.split(':');
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    throw new UsageError(`--header (${text}) must be the name of a field, or name:prefix`);
  }
  const value = rest.length === 0 ? undefined : { case: 'prefix' as const, value: rest.join(':').trim() };
  return { match: { case: 'more', value: { match: { case: 'requestHeader', value: { name, value } } } } };
}

function rangeMatch(
  option: string,
  kind: 'status' | 'grpcStatus',
  text: string | undefined,
  least: number,
  most: number,
): Match[] {
  if (text === undefined) return [];
  const hundred = /^([1-5])xx$/.exec(text);
  const [min, max = min] =
    hundred === null ? text.split('-').map(Number) : [`${hundred[1]}00`, `${hundred[1]}99`].map(Number);
  if (!/^(\d{1,3}(-\d{1,3})?|[1-5]xx)$/.test(text) || min < least || max > most || min > max) {
    throw new UsageError(`${option} (${text}) must be a status or a range of them within ${least}-${most}`);
  }
  return [{ match: { case: 'more', value: { match: { case: kind, value: { min, max } } } } }];
}

function ratioOf(text: string): { numerator: number; denominator: number } {
  const part = Number(text);
  const denominator = 1_000_000;
  const numerator = Math.round(part * denominator);
  // Of what rounds to none, nothing would ever be shown.
  if (!(part <= 1 && numerator > 0)) {
    throw new UsageError(`--sample (${text}) must be a number up to 1, and a millionth at least`);
  }
  return { numerator, denominator };
}
