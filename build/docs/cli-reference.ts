import type { Command } from 'commander';
import type { Terminal } from '../../cli/terminal.ts';
import { wholeTulle } from '../../cli/tulle.ts';

/** Characters of a line of help: what fits a page. */
const helpWidth = 110;

const nowhere: Terminal = {
  input: async () => new Uint8Array(),
  out: () => {},
  err: () => {},
  cwd: '/',
  environment: {},
  onStop: () => {},
};

/** docs/reference/cli.md: what the command line says of itself, every command of it. */
export async function cliReference(): Promise<string> {
  const tulle = await wholeTulle(nowhere);
  const sections = tulle.commands.flatMap((command) => sectionsOf(command, ['tulle']));
  return `# Command line

Written from the help of \`tulle\` itself: \`tulle help COMMAND\` prints the same. The options of \`tulle\` in the first
block may stand anywhere on the line of any command.

| Exit code | Means |
|---|---|
| 0 | done |
| 1 | it failed, and standard error says why; \`check\` found something wrong, \`explain\` that the call is refused, \`compare\` what \`--fail-on\` names |
| 64 | the line was not understood: an unknown command, option or value |
| 70 | a fault of the command itself: standard error has its stack |

## tulle

${block(tulle)}
${sections.join('\n')}`;
}

/** A command, and those that it has of its own. */
function sectionsOf(command: Command, parents: readonly string[]): string[] {
  const path = [...parents, command.name()];
  const own = `## ${path.join(' ')}\n\n${block(command)}`;
  return [own, ...command.commands.flatMap((nested) => sectionsOf(nested, path))];
}

function block(command: Command): string {
  let help = '';
  command
    .configureHelp({ helpWidth, showGlobalOptions: false })
    .configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => helpWidth })
    .outputHelp();
  return `\`\`\`text\n${help.replaceAll(/[ \t]+$/gm, '').trim()}\n\`\`\`\n`;
}
