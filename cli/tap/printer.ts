import type { Registry } from '@bufbuild/protobuf';
import type { TapEvent } from '../../api/gen/tap_pb.js';
import type { TapBody } from '../../api/gen/tulle_pb.js';
import { jsonText } from '../escaped.ts';
import type { BodyTypes } from './body/body-types.ts';
import { decodeBody, isProtobuf } from './body/decode.ts';
import { noTypes } from './body/descriptors.ts';
import { InOrder } from './in-order.ts';
import { tapJson, tapLine } from './render.ts';
import { bodyJson, bodyLines, bodyOf } from './render-body.ts';

export interface TapPrinterOptions {
  readonly form: 'line' | 'wide' | 'json';
  /** Of what is tapped. */
  readonly kind: string;
  readonly types: Pick<BodyTypes, 'of'>;
  readonly out: (text: string) => void;
}

/** Prints events as they come; one behind a body whose types are asked for waits for it. */
export class TapPrinter {
  private readonly options: TapPrinterOptions;
  private readonly wide: string | undefined;
  private readonly events: InOrder<TapEvent>;

  constructor(options: TapPrinterOptions) {
    this.options = options;
    this.wide = options.form === 'wide' ? options.kind : undefined;
    this.events = new InOrder((event) => this.show(event));
  }

  /** Events that were not printed, since too many came meanwhile. */
  get leftOut(): number {
    return this.events.leftOut;
  }

  take(event: TapEvent): void {
    this.events.push(event);
  }

  settled(): Promise<void> {
    return this.events.settled();
  }

  private show(event: TapEvent): void | Promise<void> {
    const body = bodyOf(event);
    if (body === undefined) {
      this.print(this.options.form === 'json' ? jsonText(tapJson(event), 2) : tapLine(event, this.wide));
      return;
    }
    const isTyped = body.data.length > 0 && isProtobuf(body.contentType);
    const types = isTyped ? this.options.types.of(event, body.path) : noTypes;
    if (!(types instanceof Promise)) this.showBody(event, body, types);
    else return types.then((known) => this.showBody(event, body, known));
  }

  private showBody(event: TapEvent, body: TapBody, types: Registry): void {
    const decoded = decodeBody(body, types);
    this.print(
      this.options.form === 'json'
        ? jsonText(bodyJson(event, body, decoded), 2)
        : bodyLines(event, body, decoded, this.wide),
    );
  }

  private print(text: string): void {
    this.options.out(`${text}\n`);
  }
}
