import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { expect, it, vi } from 'vitest';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { FileSource } from '../../control-plane/sources/file-source.ts';
import { type Kind, kindInfo } from '../../control-plane/sources/kinds.ts';
import { trim } from '../../control-plane/sources/trim.ts';
import { Mesh } from '../../lib/index.ts';

/** One file of lib/kinds is another: all else follows from what it says. */
vi.mock('../../lib/kinds/egress-network.ts', async () => {
  const { list, object, text } = await import('../../lib/kinds/schema.ts');
  const schema = object({ 'spec*': object({ 'meshTLS*': object({ 'identity*': text() }), ports: list(text()) }) });
  return {
    egressNetwork: {
      group: 'workload.example.com',
      kind: 'Machine',
      plural: 'machines',
      scope: 'Namespaced',
      writesStatus: true,
      versions: [{ name: 'v1', schema, status: true }],
      reads: { versions: ['v1'], keep: { spec: { meshTLS: { identity: 'text' } } } },
    },
  };
});

// The name in the list is that of the kind which it replaces here, whose rules ask nothing of it.
const name = 'EgressNetwork' as Kind;
const machine = (spec: object) => ({
  apiVersion: 'workload.example.com/v1',
  kind: 'Machine',
  metadata: { name: 'm', namespace: 'shop', resourceVersion: '7' },
  spec,
});

it('a kind whose file says that it is read is read, and trimmed', () => {
  expect(kindInfo[name]).toMatchObject({ plural: 'machines', versions: ['v1'], namespaced: true, optional: true });
  expect(
    trim(name, 'workload.example.com/v1', machine({ meshTLS: { identity: 'a', more: 1 }, ports: ['80'] })),
  ).toEqual(machine({ meshTLS: { identity: 'a' } }));
});

it('what its file says of its objects is checked, by the webhook and in files', async () => {
  const problem = 'spec.meshTLS.identity must be set';
  expect(validateObject(machine({ meshTLS: {} }))).toEqual([problem]);
  expect(validateObject(machine({ meshTLS: { identity: 'a' } }))).toEqual([]);

  const folder = mkdtempSync(join(tmpdir(), 'tulle-new-kind-'));
  writeFileSync(join(folder, 'a.json'), JSON.stringify(machine({ meshTLS: {} })));
  const told: string[] = [];
  const source = new FileSource({ folders: [folder], onProblem: ({ message }) => told.push(message) });
  const held: unknown[] = [];
  source.watch(name, ({ object }) => held.push(object));
  await source.synced;
  source.close();
  rmSync(folder, { recursive: true });
  expect(told).toEqual([problem]);
  expect(held).toEqual([machine({ meshTLS: {} })]);
});

it('the install has its definition, permissions and webhook', () => {
  const chart = new Chart(new App(), 'tulle');
  new Mesh(chart, 'mesh');
  const naming = Testing.synth(chart)
    .filter((manifest: object) => JSON.stringify(manifest).includes('"machines'))
    .map(({ kind, metadata }: { kind: string; metadata: { name: string } }) => `${kind} ${metadata.name}`);
  expect(naming).toEqual([
    'CustomResourceDefinition machines.workload.example.com',
    'ClusterRole tulle-tulle-edit',
    'ClusterRole tulle-tulle-view',
    'ClusterRole tulle-tulle-destination',
    'ValidatingWebhookConfiguration tulle-tulle-policy-validator-webhook-config',
  ]);
});
