import { ApiObject, App, Chart, Testing } from 'cdk8s';
import { afterEach, expect, it, vi } from 'vitest';
import { MeshedDeployment, MeshWarnings } from '../index.ts';

const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterEach(() => emitWarning.mockClear());

/** Meshed pods, and a quota that refuses them. */
function refused() {
  const app = new App();
  const quota = new ApiObject(new Chart(app, 'quotas', { namespace: 'shop' }), 'quota', {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    spec: { hard: { 'limits.cpu': '10' } },
  });
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  new MeshedDeployment(chart, 'web', { containers: [{ image: 'shop/web', portNumber: 8080 }] });
  return { app, chart, quota };
}

it('comes as a warning of the process, with the path of its construct and a code', () => {
  refused().app.synthYaml();
  expect(emitWarning).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/^\[quotas\/quota\] the quota counts limits\.cpu/),
    { type: 'TulleWarning', code: 'TULLE_QUOTA_REFUSES' },
  );
});

it('comes once, however often and whichever way the app is synthesized', () => {
  const { app, chart, quota } = refused();
  app.synthYaml();
  Testing.synth(chart);
  app.synthYaml();
  expect(emitWarning).toHaveBeenCalledTimes(1);
  expect(MeshWarnings.of(app)).toHaveLength(1);
  expect(quota.node.metadata.map(({ type }) => type)).toEqual(['tulle:warning']);
});

it('is read beneath the construct that it is about, and nowhere else', () => {
  const { app, chart, quota } = refused();
  expect(MeshWarnings.of(app)).toEqual([]);
  Testing.synth(chart);
  const [warning] = MeshWarnings.of(quota);
  expect(warning).toMatchObject({ path: 'quotas/quota', code: 'TULLE_QUOTA_REFUSES' });
  expect(MeshWarnings.of(chart)).toEqual([]);
});

it('leaves the manifests as they are', () => {
  const { app } = refused();
  const first = app.synthYaml();
  expect(app.synthYaml()).toBe(first);
  expect(first).not.toContain('tulle:warning');
});
