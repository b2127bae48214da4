import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { injectConfig } from '../../lib/inject/config.ts';
import type { Manifest } from '../../lib/inject/kubernetes.ts';
import { modelOfManifests } from '../../lib/validation/model-of-manifests.ts';
import { review } from '../../lib/validation/review.ts';
import { anyApp, type Synthesized } from './any-app.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const runs = 40;

/** What rules for plain manifests find wrong. */
function errorsIn(objects: readonly Synthesized[]): string[] {
  const entries = objects.map((object) => ({ manifest: object as Manifest }));
  return review(modelOfManifests(entries, injectConfig()))
    .filter(({ severity }) => severity === 'error')
    .map(({ rule, message }) => `${rule}: ${message}`);
}

it('whatever props constructs take, validator and rules take what they synthesize', () => {
  let refused = 0;
  fc.assert(
    fc.property(anyApp, (app) => {
      if (app.objects === undefined) {
        refused++;
        return;
      }
      for (const object of app.objects) expect(validateObject(object), JSON.stringify(object)).toEqual([]);
      expect(errorsIn(app.objects)).toEqual([]);
    }),
    { numRuns: runs },
  );
  // Most of what is drawn goes together, so that the property is about something.
  expect(refused).toBeLessThan(runs / 3);
});
