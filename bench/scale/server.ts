/**
 * Discovery and policy of a large cluster in a process of its own, on a source in memory. Says `{port, readMs}` to its
 * parent, and takes `{ask: 'memory'}`, `{change: n}` (an endpoint of Service 0 goes or comes) and `{settings: n, of: m}`
 * (the annotations of m namespaces, or of all, change; it says for how long the loop was held).
 *
 * Usage: node --expose-gc bench/scale/server.ts PODS SERVICES (forked)
 */
import pino from 'pino';
import { Registry } from 'prom-client';
import { ClusterIndex } from '../../control-plane/cluster/cluster-index.ts';
import { destinationService } from '../../control-plane/destination/destination-service.ts';
import { MemorySource, testConfig } from '../../control-plane/destination/testing.ts';
import { PolicyIndex } from '../../control-plane/policy/index/policy-index.ts';
import { policyServices } from '../../control-plane/policy/policy-services.ts';
import { startComponent } from '../../control-plane/serving/component.ts';
import { kindOf } from '../../control-plane/sources/kinds.ts';
import { trim } from '../../control-plane/sources/trim.ts';
import { namespace, namespaceOf, node, pod, service, slice } from './cluster.ts';

const [pods, services] = process.argv.slice(2).map(Number);
const size = { pods, services };
const log = pino({ level: 'warn' });
const registry = new Registry();
const source = new MemorySource();
const index = new ClusterIndex(source);
const policy = new PolicyIndex(source, () => {}, index.topics);
const { inbound, outbound } = policyServices({ cluster: index, policy, config: testConfig }, registry);

const put = (object: object): void => {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  source.put(trim(kindOf({ apiVersion, kind })!, apiVersion, object));
};
const namespaces = [...new Set(Array.from({ length: services }, (_, each) => namespaceOf(each)))];
const begun = performance.now();
for (const name of namespaces) put(namespace(name));
for (let each = 0; each < 3; each++) put(node(each));
for (let each = 0; each < services; each++) put(service(each));
for (let each = 0; each < pods; each++) put(pod(each, size));
for (let each = 0; each < services; each++) put(slice(each, size));
const readMs = performance.now() - begun;

const component = await startComponent({
  log,
  registry,
  admin: { host: '127.0.0.1', port: 0 },
  grpc: [{ host: '127.0.0.1', port: 0 }],
  services: [destinationService(index, testConfig, log, registry), inbound, outbound],
  ready: () => true,
  close: () => {},
});

/** The most CPU that the main thread spends in one turn of the loop: a wait for a core is not the program's. */
async function longestTurnMs(forMs: number): Promise<number> {
  const cpuMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const endMs = performance.now() + forMs;
  let longestMs = 0;
  for (let lastMs = cpuMs(); performance.now() < endMs; ) {
    await new Promise((done) => setImmediate(done));
    const nowMs = cpuMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  }
  return longestMs;
}

type Message = { ask: 'memory' } | { change: number } | { settings: number; of: number };
process.on('message', async (message: Message) => {
  if ('ask' in message) {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.();
      await new Promise((done) => setTimeout(done, 50));
    }
    process.send!({ memory: process.memoryUsage() });
  } else if ('change' in message) put(slice(0, size, message.change % 2));
  else {
    // What was left before is not the change's: a collection of the whole heap comes once in so many of them.
    globalThis.gc?.();
    const held = longestTurnMs(1500);
    for (const name of namespaces.slice(0, message.of)) {
      // Read with every view of the namespace, and of a port that nobody has.
      put(namespace(name, { 'config.linkerd.io/opaque-ports': String(message.settings) }));
      await new Promise((done) => setImmediate(done));
    }
    process.send!({ heldMs: await held, of: namespaces.length });
  }
});
process.on('disconnect', () => process.exit(0));
process.send!({ port: component.ports[0], readMs });
