import type { Answer, Filters } from '../filter/filter.ts';
import type { PolicyLabels, ResourceLabels } from '../model/policy-labels.ts';
import { type Classification, classify } from '../telemetry/classify.ts';
import type { Field } from '../wire/field.ts';
import type { ResponseHead } from '../wire/stream.ts';
import type { Attempt } from './attempt.ts';
import type { RouteCounts, TryCounts } from './counts.ts';
import type { Exchange } from './exchange.ts';
import type { ProxyFailure } from './proxy-failure.ts';

/** A way that tries take: each is started on a connection now or later, or fails. Never throws. */
export interface Sender {
  send(attempt: Attempt): void;
}

/** What decided about a request, as tap, traces and the access log tell it. */
export interface Decided {
  /** Undefined where no route was found for it, or none was looked for. */
  readonly route: PolicyLabels | undefined;
  /** What the route is of: the Server of what comes in, the Service or EgressNetwork of what goes out. */
  readonly parent: PolicyLabels | undefined;
  /** What let a request in; undefined of one that goes out. */
  readonly authorization: PolicyLabels | undefined;
  /** What it asked for and has in place of `parent`, as `service.namespace`; undefined of one that goes by its route. */
  readonly override: string | undefined;
}

/** What is to become of the requests of one rule: frozen, made when policy changes and not when requests come. */
export interface RoutePlan {
  readonly sender: Sender;
  /** Undefined where nothing decided but where the request was sent to. */
  readonly decided: Decided | undefined;
  /** Where the requests of the rule are counted; undefined when nothing tells them apart. */
  readonly counts: RouteCounts | undefined;
  /** Where its tries are counted that go to another backend than its own; undefined where tries are not told apart. */
  readonly elsewhere: ((backend: ResourceLabels) => TryCounts) | undefined;
  /** What sees to deadlines and further tries of one exchange; undefined where the rule has none. */
  readonly tries: ((exchange: Exchange) => Tries | undefined) | undefined;
  /** What is done to its requests and responses on the way; undefined when nothing is. */
  readonly filters: Filters | undefined;
  /** Where its requests stand while they are under way; undefined where no policy can come to end them. */
  readonly open: Set<Exchange> | undefined;
  /** Of its requests of whose trace nobody has decided, the share of which one begins; undefined: that of the proxy. */
  readonly traceSampleRate: number | undefined;
  /** Whether a response counts as a success. `grpc` is its gRPC status, -1 for none. */
  classify(status: number, grpc: number, error: string | undefined): Classification;
}

/** All goes to `sender`, and nothing else is said of it. */
export function plainPlan(sender: Sender): RoutePlan {
  return Object.freeze({
    sender,
    decided: undefined,
    counts: undefined,
    elsewhere: undefined,
    filters: undefined,
    tries: undefined,
    open: undefined,
    traceSampleRate: undefined,
    classify,
  });
}

/**
 * Sees to an exchange's deadlines, and to further tries: it judges what comes of each try before the client is told.
 * `again` means that it has taken the try and that another follows.
 */
export interface Tries {
  /** A try is about to be sent. */
  onTry(attempt: Attempt): void;
  /** The request has ended: all of its body has come. */
  onRequestEnd(): void;
  /** A head has come, with nothing behind it if `end`. `withhold`: the client is told when more has come. */
  onResponse(attempt: Attempt, head: ResponseHead, end: boolean): 'pass' | 'withhold' | 'again';
  /** A response whose head was withheld has ended with `trailers`. */
  onTrailers(attempt: Attempt, trailers: readonly Field[]): 'pass' | 'again';
  /** A filter of its backend answers the try in place of that. `again`: another is under way, which the answer may come of. */
  onFiltered(attempt: Attempt, answer: Answer): 'pass' | 'again';
  /** The client is about to be told of the response of `attempt`. */
  onAnswer(attempt: Attempt): void;
  /** The try came to nothing, and nothing was passed on to the client. */
  onFailure(attempt: Attempt, failure: ProxyFailure): 'pass' | 'again';
  /** The exchange is over. */
  over(): void;
}
