import { fromBinary } from '@bufbuild/protobuf';
import { type ObserveRequest, ObserveRequestSchema } from '../../api/gen/tap_pb.js';
import { maxBodyBytes } from '../../api/tap/body-limit.ts';
import type { Clock } from '../clock.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import { BadMatch, matchFromApi } from './match-from-api.ts';
import { type BodyPolicy, TapObserver, type TapReport } from './observer.ts';

/** One tap on the requests of a process. */
export interface Tapping {
  /** It tells of no further requests, and of those that it has begun to tell of to their end. */
  stopTaking(): void;
  /** It tells nothing more. */
  close(): void;
}

/** What a tap is asked for, once it is known to make sense. */
export interface TapRequest
  extends Pick<ConstructorParameters<typeof TapObserver>[0], 'match' | 'headers' | 'bodyBytes' | 'ratio'> {
  /** Requests to tell of; above 0. */
  readonly limit: number;
}

/** Reads what a tap is asked for. Throws a BadMatch that says what is wrong with it. */
export function readTapRequest(bytes: Uint8Array): TapRequest {
  const { limit, match, extract, options, bodyBytes } = decoded(bytes);
  if (limit === 0) throw new BadMatch('limit must be positive');
  if (bodyBytes > maxBodyBytes) throw new BadMatch(`body_bytes must be ${maxBodyBytes} at most`);
  const { numerator = 1, denominator = 1 } = options?.sample ?? {};
  if (denominator === 0 || numerator > denominator) throw new BadMatch('the part that is sampled must be 1 at most');
  const headers = extract?.extract.case === 'http' && extract.extract.value.extract.case === 'headers';
  return { limit, match: matchFromApi(match), headers, bodyBytes, ratio: numerator / denominator };
}

function decoded(bytes: Uint8Array): ObserveRequest {
  try {
    return fromBinary(ObserveRequestSchema, bytes);
  } catch {
    throw new BadMatch('the request cannot be read');
  }
}

/** All taps on the requests of this process. Without one, requests know nothing of it. */
export class Taps {
  private readonly clock: Clock;
  private readonly sides: readonly ExchangeSide[];
  private readonly bodies: BodyPolicy;
  /** Random, the same for the life of the process: events of several processes are told apart by it. */
  private readonly base: number;
  private streams = 0;

  constructor(clock: Clock, sides: readonly ExchangeSide[], bodies: BodyPolicy) {
    this.clock = clock;
    this.sides = sides;
    this.bodies = bodies;
    this.base = Math.floor(clock.random() * 2 ** 32);
  }

  begin(request: TapRequest, report: (report: TapReport) => boolean): Tapping {
    const { clock, base, bodies } = this;
    const observer = new TapObserver({
      ...request,
      bodies,
      base,
      nextStream: () => ++this.streams,
      nowMs: () => clock.nowMs(),
      random: () => clock.random(),
      report,
    });
    for (const side of this.sides) side.observers = [...side.observers, observer];
    // Requests that are under way keep the observers of their start.
    const leave = (): void => {
      for (const side of this.sides) side.observers = side.observers.filter((other) => other !== observer);
    };
    return {
      stopTaking: () => {
        observer.stopTaking();
        leave();
      },
      close: () => {
        observer.close();
        leave();
      },
    };
  }
}
