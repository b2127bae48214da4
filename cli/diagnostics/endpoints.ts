import { create } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { Destination, GetDestinationSchema, type Update } from '../../api/gen/destination_pb.js';
import type { TcpAddress } from '../../api/gen/net_pb.js';
import { ipText } from '../../api/ip-text.ts';
import { meshPorts } from '../../lib/contract/ports.ts';
import { type Format, formatOption, forPrograms, isForPrograms } from '../formats.ts';
import { formatTable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { firstAnswer } from './destination-client.ts';
import { type MeshOptions, stateOption, withMesh } from './mesh.ts';

interface EndpointsOptions extends MeshOptions {
  readonly output: Format;
  readonly token?: string;
  readonly destinationPod?: string;
}

/** An endpoint as the destination component tells it to proxies. */
export interface Endpoint {
  readonly namespace: string;
  readonly ip: string;
  readonly port: number;
  readonly pod: string;
  readonly service: string;
  readonly weight: number;
  readonly http2: boolean;
  readonly identity?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `tulle diagnostics endpoints`: what a proxy is told when it asks for an authority. */
export function endpointsCommand(terminal: Terminal): Command {
  return new Command('endpoints')
    .description('show the endpoints that proxies are told for authorities such as web.shop.svc.cluster.local:80')
    .argument('<authority...>', 'name and port of a Service')
    .option('--token <token>', 'context of the asking proxy, such as {"ns":"shop","nodeName":"node-1"}')
    .option('--destination-pod <name>', 'pod of the destination component (default: one that is ready)')
    .option(...stateOption)
    .addOption(formatOption('table', 'wide', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle diagnostics endpoints web.shop.svc.cluster.local:80 -o wide\n')
    .action(async (authorities: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<EndpointsOptions>();
      const { output } = options;
      const found: Endpoint[] = [];
      const problems: string[] = [];
      await withMesh(options, terminal, async (mesh) => {
        for (const path of authorities) {
          const request = create(GetDestinationSchema, { path, contextToken: options.token ?? '' });
          const pod = { pod: options.destinationPod, port: meshPorts.destination };
          try {
            found.push(...endpointsOf(await firstAnswer(mesh, pod, Destination.method.get, request)));
          } catch (error) {
            if (!(error instanceof CommandError)) throw error;
            // The others may be answered all the same.
            problems.push(error.message);
          }
        }
      });
      if (problems.length === 0 && found.length === 0 && !isForPrograms(output)) {
        throw new CommandError(`no endpoints of ${authorities.join(', ')}`);
      }
      if (found.length > 0 || problems.length === 0) {
        terminal.out(forPrograms(found, output) ?? formatEndpoints(found, output === 'wide'));
      }
      if (problems.length > 0) throw new CommandError([...new Set(problems)].join('\nerror: '));
    });
}

/** What the messages of a stream come to. */
export function endpointsOf(updates: readonly Update[]): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const { update } of updates) {
    if (update.case === 'noEndpoints') found.clear();
    else if (update.case === 'remove') {
      for (const address of update.value.addrs) found.delete(keyOf(address));
    } else if (update.case === 'add') {
      const { metricLabels: shared, addrs } = update.value;
      for (const { addr, metricLabels, weight, protocolHint, tlsIdentity } of addrs) {
        if (addr?.ip === undefined) continue;
        const service = shared['service'] === undefined ? '' : `${shared['service']}.${shared['namespace']}`;
        const identity = tlsIdentity?.strategy.case === 'dnsLikeIdentity' ? tlsIdentity.strategy.value.name : undefined;
        found.set(keyOf(addr), {
          namespace: shared['namespace'] ?? metricLabels['namespace'] ?? '',
          ip: ipText(addr.ip),
          port: addr.port,
          pod: metricLabels['pod'] ?? '',
          service,
          weight,
          http2: protocolHint?.protocol.case === 'h2',
          identity,
          labels: metricLabels,
        });
      }
    }
  }
  return [...found.values()];
}

const keyOf = ({ ip, port }: TcpAddress): string => `${ip === undefined ? '' : ipText(ip)} ${port}`;

export function formatEndpoints(endpoints: readonly Endpoint[], wide = false): string {
  const rows = endpoints
    .map(({ namespace, ip, port, pod, service, weight, http2, identity }) => [
      ...[namespace, ip, `${port}`, pod || '-', service || '-'],
      ...(wide ? [`${weight}`, http2 ? 'yes' : 'no', identity ?? '-'] : []),
    ])
    .sort((a, b) => (a.join(' ') < b.join(' ') ? -1 : 1));
  const header = ['NAMESPACE', 'IP', 'PORT', 'POD', 'SERVICE', ...(wide ? ['WEIGHT', 'HTTP2', 'IDENTITY'] : [])];
  return formatTable(header, rows, header.length);
}
