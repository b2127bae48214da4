import { create, toJson } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { InboundServerPolicies, PortSpecSchema, ServerSchema } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies, OutboundPolicySchema, TrafficSpecSchema } from '../../api/gen/outbound_pb.js';
import { meshPorts } from '../../lib/contract/ports.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { calledArgument, parseCalled, type Resource } from '../resource.ts';
import { type Terminal, UsageError } from '../terminal.ts';
import { firstAnswer } from './destination-client.ts';
import { type ComponentPort, type DiagnosedMesh, type MeshOptions, stateOption, withMesh } from './mesh.ts';
import { meshedPodsOf } from './pods.ts';

interface PolicyOptions extends MeshOptions {
  readonly output: Format;
  readonly token?: string;
  readonly destinationPod?: string;
}

/** `tulle diagnostics policy`: what a proxy is told of a port that it serves, or of a Service that it calls. */
export function policyCommand(terminal: Terminal): Command {
  return new Command('policy')
    .description('show the policy that proxies are told: inbound of a workload’s port, outbound of a Service’s')
    .addArgument(calledArgument('<resource>', 'workload or Service, such as deploy/web, pod/web-1, svc/web'))
    .argument('<port>', 'number of the port')
    .option('--token <token>', 'for a Service, the pod that asks, such as {"ns":"shop","pod":"web-1"}')
    .option('--destination-pod <name>', 'pod of the destination component (default: one that is ready)')
    .option(...stateOption)
    .addOption(formatOption('yaml', 'json'))
    .action(async (resource: string, portText: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<PolicyOptions>();
      const port = portNumber(portText);
      const component = { pod: options.destinationPod, port: meshPorts.policy };
      const { kind, name } = parseCalled([resource]);
      const found = await withMesh(options, terminal, (mesh) =>
        kind === 'service' && name !== undefined
          ? outboundPolicy(mesh, component, name, port, options.token)
          : inboundPolicy(mesh, component, { kind, name }, port),
      );
      terminal.out(forPrograms(found, options.output) ?? '');
    });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new UsageError(`the port (${text}) must be a number from 1 to 65535`);
}

/** All pods of a workload are told the same; the first speaks for them. */
async function inboundPolicy(
  mesh: DiagnosedMesh,
  component: ComponentPort,
  resource: Resource,
  port: number,
): Promise<unknown> {
  const [pod] = await meshedPodsOf(mesh, resource);
  const workload = JSON.stringify({ ns: pod.metadata.namespace, pod: pod.metadata.name });
  const request = create(PortSpecSchema, { workload, port });
  const { watchPort } = InboundServerPolicies.method;
  const messages = await firstAnswer(mesh, component, watchPort, request);
  const latest = messages.at(-1);
  return latest === undefined ? {} : toJson(ServerSchema, latest);
}

async function outboundPolicy(
  mesh: DiagnosedMesh,
  component: ComponentPort,
  service: string,
  port: number,
  token: string | undefined,
): Promise<unknown> {
  const domain = await mesh.clusterDomain();
  const request = create(TrafficSpecSchema, {
    sourceWorkload: token ?? JSON.stringify({ ns: mesh.namespace, pod: '' }),
    target: { case: 'authority', value: `${service}.${mesh.namespace}.svc.${domain}:${port}` },
  });
  const messages = await firstAnswer(mesh, component, OutboundPolicies.method.watch, request);
  const latest = messages.at(-1);
  return latest === undefined ? {} : toJson(OutboundPolicySchema, latest);
}
