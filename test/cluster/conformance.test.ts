import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnCluster } from './cluster.ts';
import { compareWithDocs, expected, update, writeGoldens } from './conformance/goldens.ts';
import { failures, runSuite, type SuiteRun } from './conformance/run-suite.ts';
import { gatewayApi } from './gateway-api.ts';

const namespaces = ['gateway-conformance-mesh', 'gateway-conformance-mesh-consumer'];
const folder = join(import.meta.dirname, '../../dist/conformance');
const tenMinutes = 600_000;

const unless = 'missing' in gatewayApi ? ` (skipped: ${gatewayApi.missing})` : '';

describeOnCluster('the conformance suite of the Gateway API', ({ kubectl, kubeconfig, ensureMesh }) => {
  describe.skipIf(unless !== '')(`mesh profiles${unless}`, () => {
    let hadGatewayApi: boolean;
    let run: SuiteRun;

    beforeAll(async () => {
      const { folder: definitions } = gatewayApi as { folder: string };
      const there = await kubectl.run(['get', 'crd', 'httproutes.gateway.networking.k8s.io', '--ignore-not-found']);
      hadGatewayApi = there !== '';
      if (!hadGatewayApi) await kubectl.run(['apply', '--server-side', '--filename', definitions]);
      await ensureMesh();
      await kubectl.run(['delete', 'namespace', ...namespaces, '--ignore-not-found']);
      run = await runSuite(kubeconfig, folder);
      if (update) writeGoldens(run);
    }, tenMinutes);

    afterAll(async () => {
      await kubectl.run(['delete', 'namespace', ...namespaces, '--ignore-not-found', '--wait=false']);
      const { folder: definitions } = gatewayApi as { folder: string };
      if (!hadGatewayApi) await kubectl.run(['delete', '--ignore-not-found', '--filename', definitions]);
    });

    it.each(Object.keys(expected()))('%s does what it is listed with', (test) => {
      const listed = expected()[test];
      const is = run.outcomes[test] ?? 'was not run';
      if (is === listed) return;
      const why = is === 'fails' ? failures(run, test) : updateIt;
      throw new Error(`${test} is listed as one that ${listed}, and ${is}: ${why}`);
    });

    it('each of its tests is listed', () => {
      expect(Object.keys(run.outcomes).sort(), updateIt).toEqual(Object.keys(expected()).sort());
    });

    it('its report is that of docs/conformance.yaml, which docs/conformance.md tells of', () => compareWithDocs(run));
  });
});

const updateIt =
  'UPDATE_GOLDENS=1 npm run test:cluster -- test/cluster/conformance.test.ts writes the list and the report';
