import { expect } from 'vitest';
import type { StoredSpan } from './servers.ts';

/** Spans, each behind its parent, those of one parent by their start; without those that hang on nothing below `root`. */
export function inOrder(spans: readonly StoredSpan[], root: string): StoredSpan[] {
  const ordered: StoredSpan[] = [];
  const add = (parent: string): void => {
    const below = spans.filter(({ parentId }) => parentId === parent).toSorted((a, b) => a.startUs - b.startUs);
    for (const span of below) {
      ordered.push(span);
      add(span.spanId);
    }
  };
  add(root);
  return ordered;
}

/** To the microsecond, on one host: a span lies within its parent. */
export function expectWithin(spans: readonly StoredSpan[]): void {
  for (const span of spans) {
    const parent = spans.find(({ spanId }) => spanId === span.parentId);
    if (parent === undefined) continue;
    // What two processes read of one clock differs by a part of a millisecond.
    expect(span.startUs).toBeGreaterThan(parent.startUs - 1500);
    expect(span.startUs + span.durationUs).toBeLessThan(parent.startUs + parent.durationUs + 1500);
  }
}
