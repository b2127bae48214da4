import { Command } from 'commander';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { parseWaitMs } from '../duration.ts';
import { resourceArgument } from '../resource.ts';
import type { Terminal } from '../terminal.ts';
import { LiveTable } from './live-table.ts';
import { checkTap, type TapOptions, tapRequest, withTapOptions } from './request.ts';
import { runTap, withTaps } from './tap.ts';
import { TopTable } from './top-table.ts';

interface TopOptions extends TapOptions {
  readonly for?: string;
  readonly hideSources?: boolean;
}

/** Where nobody can stop it by a key. */
const pipedMs = 10_000;

/** `tulle top`: requests by who asks whom for what, as a table that goes on. */
export function topCommand(terminal: Terminal): Command {
  return withTapOptions(new Command('top'))
    .addArgument(resourceArgument('<resource...>', 'whose sidecars: deploy/web, deploy, po/web-0, ns/shop'))
    .option('--hide-sources', 'whoever asks')
    .option('--for <duration>', 'end by itself after this time (default: 10s where the output is no terminal)')
    .option('--state <folder>', `of a local mesh, its state folder (default: ${defaultStateFolder})`)
    .addHelpText(
      'after',
      '\nOn a terminal the table goes on: c, b, w, l and s sort by count, best, worst, last and success, p pauses, q ends.\n' +
        'Elsewhere it is printed once, at the end.',
    )
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<TopOptions>();
      const forMs = options.for === undefined ? undefined : parseWaitMs('--for', options.for);
      checkTap(resource, options);
      const table = new TopTable({ hideSources: options.hideSources });
      await withTaps(options, terminal, async (source) => {
        const request = tapRequest(resource, options, source.namespace, false);
        const { screen } = terminal;
        if (screen === undefined) {
          await runTap(source, request, forMs ?? pipedMs, terminal, { onEvent: (event) => table.add(event) });
        } else {
          const live = new LiveTable(table, screen, terminal);
          const own = { ...terminal, onStop: (stop: () => void) => live.onStop(stop) };
          try {
            await runTap(source, request, forMs, own, { onEvent: (event) => live.add(event) });
          } finally {
            live.close();
          }
        }
      });
      terminal.out(table.text('count'));
      if (table.leftOut > 0) {
        terminal.err(`warning: ${table.leftOut} requests are in no row: choose fewer by --path or --method\n`);
      }
    });
}
