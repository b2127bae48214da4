import type { Registry } from '@bufbuild/protobuf';
import type { TapEvent } from '../../../api/gen/tap_pb.js';
import { ipText } from '../../../api/ip-text.ts';
import type { WayToServer } from '../source.ts';
import { noTypes } from './descriptors.ts';
import { serviceAt } from './protobuf.ts';
import { reflectedTypes } from './reflection.ts';

export interface BodyTypesOptions {
  /** Of files; they come first. */
  readonly known: Registry;
  /** Where the server of a request is, which is asked; undefined where none is to be. */
  readonly wayTo: ((event: TapEvent) => Promise<WayToServer>) | undefined;
  /** Told once. */
  readonly onProblem: (message: string) => void;
  /** How long a server may take. Default 2 s. */
  readonly timeoutMs?: number;
}

/** Services of servers that are remembered. */
const maxRemembered = 256;

/** The types of bodies: those that were given, and those that their servers tell of, each asked once for each of its services. */
export class BodyTypes {
  private readonly options: BodyTypesOptions;
  private readonly told = new Map<string, Registry>();
  private hasProblem = false;

  constructor(options: BodyTypesOptions) {
    this.options = options;
  }

  /** The types for a body of a call of `path`. Never rejects. */
  of(event: TapEvent, path: string): Registry | Promise<Registry> {
    const { known, wayTo } = this.options;
    const service = serviceAt(path);
    if (wayTo === undefined || service === '' || known.getService(service) !== undefined) return known;
    // What one server says of a service is for what is sent to it alone.
    const { ip, port } = event.destination ?? {};
    const key = `${ip === undefined ? '' : ipText(ip)} ${port} ${service}`;
    return this.told.get(key) ?? this.ask(key, event, service, wayTo);
  }

  private async ask(
    key: string,
    event: TapEvent,
    service: string,
    wayTo: (event: TapEvent) => Promise<WayToServer>,
  ): Promise<Registry> {
    let types = noTypes;
    let way: WayToServer | undefined;
    try {
      way = await wayTo(event);
      types = await reflectedTypes(way.address, service, this.options.timeoutMs ?? 2000);
    } catch (error) {
      this.tell(service, way?.problem() ?? (error as Error).message);
    }
    way?.close();
    const [oldest] = this.told.keys();
    if (this.told.size >= maxRemembered) this.told.delete(oldest);
    this.told.set(key, types);
    return types;
  }

  private tell(service: string, why: string): void {
    if (this.hasProblem) return;
    this.hasProblem = true;
    this.options.onProblem(
      `messages of ${service} are shown by field, since no server told their types (--descriptors gives them): ${why}`,
    );
  }
}
