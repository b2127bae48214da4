import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { TapByResourceRequest } from '../../api/gen/viz_tap_pb.js';
import { defaultStateFolder } from '../../local/state-folder.ts';
import { askedMesh, hinted } from '../asked-mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { resourceArgument } from '../resource.ts';
import { printable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { BodyTypes } from './body/body-types.ts';
import { noTypes, readDescriptors } from './body/descriptors.ts';
import { type BodyOptions, bodyBytesOf, withBodyOptions } from './body-options.ts';
import { MissingBodies } from './missing-bodies.ts';
import { openTaps } from './open.ts';
import { TapPrinter } from './printer.ts';
import { checkTap, type TapOptions, tapRequest, withTapOptions } from './request.ts';
import type { TapHandlers, TapSource } from './source.ts';

interface TapCommandOptions extends TapOptions, BodyOptions {
  readonly for?: string;
  readonly output: 'line' | 'wide' | 'json';
}

/** `tulle tap`: requests as they pass the sidecars of workloads. */
export function tapCommand(terminal: Terminal): Command {
  return withBodyOptions(withTapOptions(new Command('tap')))
    .addArgument(resourceArgument('<resource...>', 'whose sidecars: deploy/web, deploy, po/web-0, ns/shop'))
    .addOption(
      new Option('-o, --output <format>', 'how to print; json has header fields, too')
        .choices(['line', 'wide', 'json'])
        .default('line'),
    )
    .option('--for <duration>', 'end by itself after this time')
    .option('--state <folder>', `of a local mesh, its state folder (default: ${defaultStateFolder})`)
    .addHelpText('after', '\nAsks the local mesh when one runs here and neither --kubeconfig nor --context is given.')
    .action(async (resource: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<TapCommandOptions>();
      const forMs = options.for === undefined ? undefined : parseWaitMs('--for', options.for);
      const bodyBytes = bodyBytesOf(options);
      checkTap(resource, options);
      const { output, descriptors } = options;
      const known = descriptors === undefined ? noTypes : await readDescriptors(resolve(terminal.cwd, descriptors));
      await withTaps(options, terminal, async (source) => {
        const request = tapRequest(resource, { ...options, bodyBytes }, source.namespace, output === 'json');
        const tapped = request.target!.resource!;
        const warn = (message: string): void => terminal.err(`warning: ${printable(message)}\n`);
        const types = new BodyTypes({
          known,
          wayTo: options.reflection ? (event) => source.wayTo(event, tapped) : undefined,
          onProblem: warn,
        });
        const printer = new TapPrinter({
          form: output,
          kind: tapped.type,
          types,
          out: terminal.out,
        });
        const missing = bodyBytes === undefined ? undefined : new MissingBodies(warn);
        await runTap(source, request, forMs, terminal, {
          onEvent: (event) => {
            missing?.look(event);
            printer.take(event);
          },
        });
        await printer.settled();
        if (printer.leftOut > 0)
          warn(`${printer.leftOut} events were left out, since servers were slow to tell their types`);
      });
    });
}

/** Opens the mesh that the options name, and closes it behind. */
export async function withTaps(
  options: TapOptions,
  terminal: Terminal,
  work: (source: TapSource) => Promise<void>,
): Promise<void> {
  const asked = await askedMesh(options, terminal);
  await hinted(asked, async () => {
    const source = await openTaps(asked, options, terminal);
    try {
      await work(source);
    } finally {
      source.close();
    }
  });
}

/** Taps until the user asks to stop, `forMs` are over, or the tap is over. */
export async function runTap(
  source: TapSource,
  request: TapByResourceRequest,
  forMs: number | undefined,
  terminal: Terminal,
  { onEvent }: Pick<TapHandlers, 'onEvent'>,
): Promise<void> {
  let missed = 0n;
  const running = await source.tap(request, {
    onEvent: (event) => {
      if (event.missedEvents > missed) missed = event.missedEvents;
      onEvent(event);
    },
    onProblem: (message) => terminal.err(`warning: ${printable(message)}\n`),
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      running.ended,
      new Promise<void>((stop) => terminal.onStop(stop)),
      ...(forMs === undefined ? [] : [new Promise<void>((stop) => (timer = setTimeout(stop, forMs)))]),
    ]);
  } finally {
    clearTimeout(timer);
    running.close();
  }
  if (missed > 0n) terminal.err(`warning: ${missed} events or more were not told, since they came too fast\n`);
}
