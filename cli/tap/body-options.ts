import { type Command, InvalidArgumentError, Option } from 'commander';
import { maxBodyBytes } from '../../api/tap/body-limit.ts';
import { UsageError } from '../terminal.ts';

/** What is shown of bodies, and how they are read. */
export interface BodyOptions {
  readonly bodies?: boolean;
  readonly bodyBytes?: number;
  readonly descriptors?: string;
  /** Default true. */
  readonly reflection: boolean;
}

const defaultBodyBytes = 4096;

/** The options of `tap` about bodies. */
export const withBodyOptions = (command: Command): Command =>
  command
    .option('--bodies', 'with the first bytes of bodies, where a workload lets them be seen and you may')
    .addOption(
      new Option(
        '--body-bytes <number>',
        `so many of each, ${maxBodyBytes} at most (default: ${defaultBodyBytes})`,
      ).argParser((text) => {
        const bytes = Number(text);
        if (!/^\d{1,6}$/.test(text) || bytes < 1 || bytes > maxBodyBytes) {
          throw new InvalidArgumentError(`it must be a number from 1 to ${maxBodyBytes}`);
        }
        return bytes;
      }),
    )
    .option(
      '--descriptors <file>',
      "types of Protobuf for them, as 'buf build -o' and 'protoc --include_imports -o' write",
    )
    .option('--no-reflection', 'do not ask gRPC servers for types that are not known');

/** How many bytes of each body are asked for; undefined without any. Throws a CommandError for what contradicts itself. */
export function bodyBytesOf({ bodies, bodyBytes, descriptors }: BodyOptions): number | undefined {
  if (bodies !== true && descriptors !== undefined) throw new UsageError('--descriptors is for bodies: add --bodies');
  if (bodies !== true && bodyBytes !== undefined) throw new UsageError('--body-bytes is for bodies: add --bodies');
  return bodies === true ? (bodyBytes ?? defaultBodyBytes) : undefined;
}
