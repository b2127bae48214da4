import { describe, expect, it } from 'vitest';
import { annotateManifest, formatReport, injectConfig, injectManifest, type Manifest } from './index.ts';

const config = injectConfig();

function deployment(spec: object = {}, annotations: Record<string, string> = {}): Manifest {
  const containers = [{ name: 'web', image: 'shop/web:1' }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { template: { metadata: { annotations }, spec: { containers, ...spec } } },
  };
}
const annotationsOf = ({ spec }: Manifest) => (spec as { template: Manifest }).template.metadata?.annotations;

describe('annotating, as the command line does by default', () => {
  it('asks for a sidecar on the pod template, with settings', () => {
    const { object, reports } = annotateManifest(deployment(), config, {
      annotations: { 'config.tulle.dev/access-log': 'json' },
    });
    expect(annotationsOf(object)).toEqual({ 'tulle.dev/inject': 'enabled', 'config.tulle.dev/access-log': 'json' });
    expect(reports.map(formatReport)).toEqual(['deployment "web" annotated']);
  });

  it('annotates a Namespace itself', () => {
    const { object } = annotateManifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, config);
    expect(object.metadata?.annotations).toEqual({ 'tulle.dev/inject': 'enabled' });
  });

  it.each([
    [deployment({}, { 'tulle.dev/inject': 'disabled' }), 'pod has the annotation "tulle.dev/inject:disabled"'],
    [deployment({ hostNetwork: true }), 'hostNetwork is enabled'],
    [deployment({ initContainers: [{ name: 'istio-init' }] }), 'pod has a sidecar injected already'],
  ])('leaves alone what cannot be meshed', (manifest, reason) => {
    const { object, reports } = annotateManifest(manifest, config);
    expect(object).toBe(manifest);
    expect(reports.map(formatReport)).toEqual([`deployment "web" skipped: ${reason}`]);
  });

  it('passes on what makes no pods', () => {
    const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } };
    expect(annotateManifest(manifest, config).object).toBe(manifest);
  });
});

describe('injecting on request, as the command line does with --manual and --explicit', () => {
  it('injects what says nothing itself, and leaves a trace of the mode', () => {
    const { object, reports } = injectManifest(deployment(), config, { request: 'explicit' });
    expect(annotationsOf(object)?.['tulle.dev/inject']).toBe('explicit');
    expect(reports[0].outcome).toBe('injected');
  });

  it('obeys what the workload says itself', () => {
    const disabled = deployment({}, { 'tulle.dev/inject': 'disabled' });
    expect(injectManifest(disabled, config, { request: 'enabled' }).object).toBe(disabled);
    const ingress = injectManifest(deployment({}, { 'tulle.dev/inject': 'ingress' }), config, { request: 'enabled' });
    expect(JSON.stringify(ingress.object)).toContain('LINKERD2_PROXY_INGRESS_MODE');
  });

  it("lets the workload's settings win over its namespace's, and these over the mesh's", () => {
    const namespaces = new Map([
      [
        'shop',
        {
          name: 'shop',
          annotations: { 'config.tulle.dev/proxy-log-format': 'json', 'config.linkerd.io/access-log': 'json' },
        },
      ],
    ]);
    const manifest = deployment({}, { 'config.linkerd.io/access-log': 'apache' });
    manifest.metadata = { name: 'web', namespace: 'shop' };
    const { object } = injectManifest(manifest, config, { request: 'enabled', namespaces });
    const text = JSON.stringify(object);
    expect(text).toContain('{"name":"LINKERD2_PROXY_LOG_FORMAT","value":"json"}');
    expect(text).toContain('{"name":"LINKERD2_PROXY_ACCESS_LOG","value":"apache"}');
    expect(annotationsOf(object)?.['config.tulle.dev/proxy-log-format']).toBe('json');
  });
});
