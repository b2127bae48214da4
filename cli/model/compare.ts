import { Command, Option } from 'commander';
import type { CallChange, Comparison } from '../../model/comparison.ts';
import { MeshModel } from '../../model/mesh-model.ts';
import { offering } from '../completion/offers.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { printable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { modelOf } from './read-model.ts';

type Kind = keyof Comparison;
const kinds: readonly Kind[] = ['opened', 'shut', 'moved'];

interface CompareOptions {
  readonly failOn: readonly Kind[];
  readonly output: Format;
}

/** `tulle compare`: which calls a change of manifests opens, shuts or moves. */
export function compareCommand(terminal: Terminal): Command {
  return new Command('compare')
    .argument('<old>', 'folder of manifests as they were')
    .argument('<new>', 'folder of manifests as they are to be')
    .addOption(
      offering(
        new Option('--fail-on <what>', `exit code 1 when there are such: ${kinds.join(', ')}, with commas between`)
          .argParser(readKinds)
          .default([]),
        kinds,
      ),
    )
    .addOption(formatOption('text', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle compare --fail-on opened main/dist dist\n')
    .action((before: string, after: string, { failOn, output }: CompareOptions) => {
      const [old, next] = [before, after].map((folder) => modelOf(folder, terminal));
      const compared = MeshModel.compare(old, next);
      terminal.out(forPrograms(compared, output) ?? shown(compared));
      if (failOn.some((kind) => compared[kind].length > 0)) throw new CommandError('');
    });
}

function readKinds(text: string): Kind[] {
  const asked = text.split(',').map((each) => each.trim());
  const wrong = asked.find((each) => !kinds.includes(each as Kind));
  if (wrong !== undefined)
    throw new UsageError(`--fail-on (${text}) must be among ${kinds.join(', ')}: not '${wrong}'`);
  return asked as Kind[];
}

function shown({ opened, shut, moved }: Comparison): string {
  if (opened.length + shut.length + moved.length === 0) return 'no call is opened, shut or moved\n';
  const lines = [
    ...opened.map((change) => `opened  ${callOf(change)}`),
    ...shut.map((change) => `shut    ${callOf(change)}`),
    ...moved.map(({ from, to, before, after }) => `moved   ${from} -> ${to}: ${before} => ${after}`),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

const callOf = ({ from, to, port, route }: CallChange): string =>
  `${from === '*' ? 'anyone' : from} -> ${to}:${port}${route === undefined ? '' : ` by ${route}`}`;
