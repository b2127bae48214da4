import { create, toJson } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { Destination, DestinationProfileSchema, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { meshPorts } from '../../lib/contract/ports.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import type { Terminal } from '../terminal.ts';
import { firstAnswer } from './destination-client.ts';
import { type MeshOptions, stateOption, withMesh } from './mesh.ts';

interface ProfileOptions extends MeshOptions {
  readonly output: Format;
  readonly token?: string;
  readonly destinationPod?: string;
}

/** `tulle diagnostics profile`: what a proxy is told of where an application connects to. */
export function profileCommand({ out, ...rest }: Terminal): Command {
  return new Command('profile')
    .description('show the profile that proxies are told for an authority or an address such as 10.96.0.10:80')
    .argument('<authority>', 'name or address, and port')
    .option('--token <token>', 'context of the asking proxy, such as {"ns":"shop","nodeName":"node-1"}')
    .option('--destination-pod <name>', 'pod of the destination component (default: one that is ready)')
    .option(...stateOption)
    .addOption(formatOption('json', 'yaml'))
    .action(async (path: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ProfileOptions>();
      const request = create(GetDestinationSchema, { path, contextToken: options.token ?? '' });
      const messages = await withMesh(options, { out, ...rest }, (mesh) => {
        const pod = { pod: options.destinationPod, port: meshPorts.destination };
        return firstAnswer(mesh, pod, Destination.method.getProfile, request);
      });
      const latest = messages.at(-1);
      if (latest !== undefined) out(forPrograms(toJson(DestinationProfileSchema, latest), options.output) ?? '');
    });
}
