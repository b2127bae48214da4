import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ObjectsInMemory } from '../certificates/testing.ts';
import { EventRecorder } from './events.ts';

interface StoredEvent {
  metadata: { name: string };
  involvedObject: { name: string };
  count: number;
}

let api: ObjectsInMemory;
let recorder: EventRecorder;
let problems: string[];
const clock = { nowMs: Date.parse('2026-05-05T05:05:05Z') };
beforeEach(() => {
  api = new ObjectsInMemory();
  problems = [];
  recorder = new EventRecorder({
    api,
    component: 'tulle-test',
    registry: new Registry(),
    onProblem: (problem) => problems.push(problem),
    now: () => clock.nowMs,
    random: Math.random,
    repeatMs: 1,
  });
});
afterEach(() => recorder.close());

const subject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'shop' };
const record = () => recorder.record(subject, { type: 'Normal', reason: 'Injected', message: 'a pod was injected' });
const events = (): StoredEvent[] => [...api.objects.values()] as unknown as StoredEvent[];
const counts = (): number[] => events().map(({ count }) => count);

test('an Event that is repeated is counted on the one that is there', async () => {
  record();
  await vi.waitFor(() => expect(counts()).toEqual([1]));
  record();
  record();
  await vi.waitFor(() => expect(counts()).toEqual([3]));
});

test('an Event whose namespace was made anew since is written there, with what came since', async () => {
  record();
  await vi.waitFor(() => expect(counts()).toEqual([1]));
  const [first] = events();
  api.objects.clear();
  record();
  record();
  await vi.waitFor(() => expect(counts()).toEqual([2]));
  expect(events()[0]).toMatchObject({ involvedObject: { name: 'web' } });
  expect(events()[0].metadata.name).not.toBe(first.metadata.name);
  expect(problems).toEqual([]);
});
