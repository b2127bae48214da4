import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import { isWithin } from '../../lib/contract/cidr.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Service } from '../../lib/kinds/service.ts';
import { type Category, type CategoryResult, CheckFailure, runChecks } from './check.ts';
import { checkReport, formatCategory, formatVerdict, hintsPage } from './format.ts';
import { opaqueMismatches } from './opaque-ports.ts';

const good = { description: 'is good', hint: 'good', run: async () => {} };
const bad = {
  description: 'is bad',
  hint: 'bad',
  run: async () => {
    throw new CheckFailure(['one is wrong', 'another too']);
  },
};

/** A clock that only sleeping moves. */
async function run(categories: readonly Category[], waitMs = 0) {
  let nowMs = 0;
  const results: CategoryResult[] = [];
  const refresh = vi.fn();
  const onWait = vi.fn();
  const success = await runChecks(categories, {
    waitMs,
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
    refresh,
    onWait,
    onCategory: (result) => results.push(result),
  });
  return { success, results, refresh, onWait, nowMs };
}

describe('checks', () => {
  it('what the user may not see is told as not known, and the rest is asked, without waiting for it', async () => {
    const forbidden = {
      ...bad,
      fatal: true,
      retry: true,
      run: async () => {
        throw new ApiError(403, 'Forbidden', 'GET /api/v1/pods: pods is forbidden');
      },
    };
    const { success, results, nowMs } = await run(
      [
        { name: 'a', checks: [forbidden, good] },
        { name: 'b', checks: [good] },
      ],
      60_000,
    );
    expect([success, nowMs]).toEqual([true, 0]);
    expect(results.flatMap(({ checks }) => checks).map(({ result }) => result)).toEqual([
      'warning',
      'success',
      'success',
    ]);
    expect(results[0].checks[0].error).toBe('not known: GET /api/v1/pods: pods is forbidden');
  });

  it('a warning is no error', async () => {
    const { success, results } = await run([{ name: 'a', checks: [{ ...bad, warning: true }, good] }]);
    expect(success).toBe(true);
    expect(results[0].checks.map(({ result }) => result)).toEqual(['warning', 'success']);
  });

  it('after a fatal error nothing else is asked', async () => {
    const { success, results } = await run([
      { name: 'a', checks: [{ ...bad, fatal: true }, good] },
      { name: 'b', checks: [good] },
    ]);
    expect(success).toBe(false);
    expect(results.map(({ checks }) => checks.length)).toEqual([1]);
  });

  it('what may come right is asked again until it does', async () => {
    let asked = 0;
    const late = async () => {
      if (++asked < 4) throw new CheckFailure('not yet');
    };
    const checks = [{ ...good, retry: true, run: late }];
    const { success, refresh, onWait } = await run([{ name: 'a', checks }], 60_000);
    expect(success).toBe(true);
    expect(onWait.mock.calls).toEqual([['is good', 'not yet']]);
    expect(refresh).toHaveBeenCalledTimes(3);
  });

  it('all checks together wait no longer than they may', async () => {
    const never = { ...bad, retry: true };
    const { success, nowMs } = await run([{ name: 'a', checks: [never, never] }], 5000);
    expect(success).toBe(false);
    expect(nowMs).toBeLessThanOrEqual(5000);
  });

  it('a category with nothing to ask is not told', async () => {
    expect((await run([{ name: 'a', checks: async () => [] }])).results).toEqual([]);
  });

  it('a cluster that does not tell what there is to ask is an error, and the rest is asked', async () => {
    const unknown = { name: 'a', checks: async () => Promise.reject(new Error('no answer')) };
    const { success, results } = await run([unknown, { name: 'b', checks: [good] }]);
    expect(success).toBe(false);
    expect(results.map(({ checks }) => checks[0].error)).toEqual(['no answer', undefined]);
  });
});

describe('the output', () => {
  it('shows each check with its sign, errors indented, and where hints are', async () => {
    const { results } = await run([{ name: 'mesh', checks: [good, { ...bad, warning: true }, bad] }]);
    expect(formatCategory(results[0], 'table') + formatVerdict(false)).toBe(
      'mesh\n----\n' +
        '√ is good\n' +
        '‼ is bad\n    one is wrong\n    another too\n    see docs/guides/check.md#bad for hints\n' +
        '× is bad\n    one is wrong\n    another too\n    see docs/guides/check.md#bad for hints\n' +
        '\nStatus check results are ×\n',
    );
  });

  it('in short is what is not well, and in JSON everything', async () => {
    const { results } = await run([
      { name: 'a', checks: [good] },
      { name: 'b', checks: [good, bad] },
    ]);
    expect(formatCategory(results[0], 'short')).toBe('');
    expect(formatCategory(results[1], 'short')).toMatch(/^b\n-\n× is bad\n/);
    expect(checkReport(false, results)).toEqual({
      success: false,
      categories: [
        { categoryName: 'a', checks: [{ description: 'is good', result: 'success' }] },
        {
          categoryName: 'b',
          checks: [
            { description: 'is good', result: 'success' },
            {
              description: 'is bad',
              result: 'error',
              error: 'one is wrong\nanother too',
              hint: 'docs/guides/check.md#bad',
            },
          ],
        },
      ],
    });
  });
});

it('every hint is a heading of the page that tells what to do', () => {
  const sources = readdirSync(import.meta.dirname).filter((name) => /checks\.ts$/.test(name));
  const hints = sources.flatMap((name) =>
    [...readFileSync(join(import.meta.dirname, name), 'utf8').matchAll(/hint(?::| =) '([\w-]+)'/g)].map(
      ([, hint]) => hint,
    ),
  );
  const page = readFileSync(resolve(import.meta.dirname, '../..', hintsPage), 'utf8');
  const headings = new Set([...page.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading));
  expect(hints.length).toBeGreaterThan(20);
  expect([...new Set(hints)].filter((hint) => !headings.has(hint))).toEqual([]);
  expect([...headings].filter((heading) => !hints.includes(heading))).toEqual([]);
});

it.each([
  ['10.1.2.3', true],
  ['10.0.0.0/8', true],
  ['10.244.1.0/24', true],
  ['10.0.0.0/7', false],
  ['11.0.0.1', false],
  ['fd00::1', true],
  ['fd00:1::/64', true],
  ['fe80::1', false],
  ['nonsense', false],
])('whether %s is within 10.0.0.0/8 and fd00::/8 is %s', (address, within) => {
  expect(isWithin(address, ['10.0.0.0/8', 'fd00::/8'])).toBe(within);
});

describe('opaque ports', () => {
  const annotated = (value: string | undefined): Record<string, string> =>
    value === undefined ? {} : { 'config.linkerd.io/opaque-ports': value };
  const service = (value: string | undefined, targetPort: number | string = 5000): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'db', namespace: 'shop', annotations: annotated(value) },
    spec: { selector: { app: 'db' }, ports: [{ port: 80, targetPort }] } as Service['spec'],
  });
  const pod = (value: string | undefined): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'db-1', namespace: 'shop', labels: { app: 'db', x: 'y' }, annotations: annotated(value) },
    spec: { containers: [{ name: 'db', ports: [{ name: 'sql', containerPort: 5000 }] }] },
  });

  it.each([
    ['80', '5000', []],
    ['80', 'sql', []],
    [undefined, undefined, []],
    ['80', undefined, ['service shop/db: port 80 is opaque, and 5000 of its pods is not']],
    [undefined, '5000', ['service shop/db: port 80 is not opaque, and 5000 of its pods is']],
  ])('%s of the Service and %s of the pod', (ofService, ofPod, expected) => {
    expect(opaqueMismatches([service(ofService)], [pod(ofPod)], [])).toEqual(expected);
    expect(opaqueMismatches([service(ofService, 'sql')], [pod(ofPod)], [])).toEqual(expected);
    const { containers } = pod(ofPod).spec!;
    const initContainers = containers!.map((container) => ({ ...container, restartPolicy: 'Always' }));
    const native = { ...pod(ofPod), spec: { initContainers, containers: [{ name: 'app' }] } };
    expect(opaqueMismatches([service(ofService, 'sql')], [native], [])).toEqual(expected);
  });
});
