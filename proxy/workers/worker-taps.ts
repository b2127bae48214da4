import type { FromWorkerTap, ToWorkerTap } from './messages.ts';

/** One request's event. */
export interface TapReport {
  readonly stream: number;
  readonly part: 'first' | 'more' | 'last';
  readonly event: Uint8Array;
}

/** What is told by workers, each by its number. */
export interface TapReports {
  report(worker: number, report: TapReport): void;
  /** So many events found no place on their way. */
  missed(worker: number, events: number): void;
  /** That worker has ended. */
  left(worker: number): void;
}

export interface Tapping {
  stopTaking(): void;
  close(): void;
}

interface Tap {
  readonly request: string;
  readonly reports: TapReports;
  enough: boolean;
}

/** The first process's side of taps on the requests of its workers. */
export class WorkerTaps {
  private readonly tell: (message: ToWorkerTap, worker: number | undefined) => void;
  private readonly taps = new Map<number, Tap>();
  private nextId = 1;

  /** `tell` sends to one worker, or to all when none is named. */
  constructor(tell: (message: ToWorkerTap, worker: number | undefined) => void) {
    this.tell = tell;
  }

  begin(request: Uint8Array, reports: TapReports): Tapping {
    const id = this.nextId++;
    const tap: Tap = { request: Buffer.from(request).toString('base64'), reports, enough: false };
    this.taps.set(id, tap);
    this.tell({ kind: 'tap', id, request: tap.request }, undefined);
    return {
      stopTaking: () => {
        tap.enough = true;
        this.tell({ kind: 'tap enough', id }, undefined);
      },
      close: () => {
        if (this.taps.delete(id)) this.tell({ kind: 'tap over', id }, undefined);
      },
    };
  }

  /** A worker is there that was not, or not any more. */
  onStarted(worker: number): void {
    for (const [id, { request, enough }] of this.taps) if (!enough) this.tell({ kind: 'tap', id, request }, worker);
  }

  onEnded(worker: number): void {
    for (const { reports } of [...this.taps.values()]) reports.left(worker);
  }

  onMessage(worker: number, message: FromWorkerTap): void {
    const reports = this.taps.get(message.id)?.reports;
    if (message.kind === 'tap missed') {
      reports?.missed(worker, message.events);
      return;
    }
    const { id, stream, part, event } = message;
    this.tell({ kind: 'tap taken', id, length: event.length }, worker);
    reports?.report(worker, { stream, part, event: Buffer.from(event, 'base64') });
  }
}

/** Characters of one tap's events that may be on their way to the first process. */
const maxUnderWay = 256 * 1024;

/** A worker's side: what it tells of its requests, and never more than the first process takes. */
export class ToldTaps {
  private readonly begin: (request: Uint8Array, report: (report: TapReport) => boolean) => Tapping;
  private readonly send: (message: FromWorkerTap) => void;
  private readonly taps = new Map<number, { readonly tapping: Tapping; underWay: number }>();

  constructor(
    begin: (request: Uint8Array, report: (report: TapReport) => boolean) => Tapping,
    send: (message: FromWorkerTap) => void,
  ) {
    this.begin = begin;
    this.send = send;
  }

  onMessage(message: ToWorkerTap): void {
    const { id } = message;
    if (message.kind === 'tap') {
      const tapping = this.begin(Buffer.from(message.request, 'base64'), (report) => this.report(id, report));
      this.taps.set(id, { tapping, underWay: 0 });
      return;
    }
    const tap = this.taps.get(id);
    if (tap === undefined) return;
    if (message.kind === 'tap taken') tap.underWay -= message.length;
    else if (message.kind === 'tap enough') tap.tapping.stopTaking();
    else {
      this.taps.delete(id);
      tap.tapping.close();
    }
  }

  private report(id: number, { stream, part, event }: TapReport): boolean {
    const tap = this.taps.get(id);
    if (tap === undefined) return false;
    const text = Buffer.from(event).toString('base64');
    // What is last ends what the first process waits for: there are no more of these than requests under way.
    if (part !== 'last' && tap.underWay + text.length > maxUnderWay) {
      this.send({ kind: 'tap missed', id, events: 1 });
      return part !== 'first';
    }
    tap.underWay += text.length;
    this.send({ kind: 'tapped', id, stream, part, event: text });
    return true;
  }
}
