/**
 * The test cluster by hand: `npm run cluster -- COMMAND`.
 *
 *     up [NODES]            starts a cluster (2 nodes by default) and prints its kubeconfig; builds its programs first
 *     down                  ends it and deletes its state
 *     load ARCHIVE...       imports archives of images on every node
 *     kubectl ARGS...       kubectl as the cluster's administrator
 *     on MACHINE CMD...     runs a command on cp, node1, node2, ...
 *     stop MACHINE PROGRAM  ends kubelet, kube-apiserver, ... until `start MACHINE PROGRAM`
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { takeLock } from './lock.ts';
import { OwnCluster, stateFolder } from './own-cluster.ts';
import { areBuilt, programsFolder } from './programs.ts';
import { whyNotHere } from './requirements.ts';

const [command, ...args] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function running(): OwnCluster {
  const cluster = OwnCluster.running();
  if (cluster === undefined) throw new Error("no cluster runs: 'npm run cluster -- up' starts one");
  return cluster;
}

async function exclusively(action: () => Promise<unknown>): Promise<void> {
  const release = takeLock(`${stateFolder()}.lock`, 'the test cluster');
  try {
    await action();
  } finally {
    release();
  }
}

async function main(): Promise<void> {
  switch (command) {
    case 'up': {
      const reason = whyNotHere(areBuilt(programsFolder()));
      if (reason !== undefined) throw new Error(`no cluster can run here: ${reason}`);
      const nodes = Number(args[0] ?? 2);
      if (!(nodes >= 1 && nodes <= 9)) throw new Error(`up ${args[0]}: a cluster has 1 to 9 nodes`);
      await exclusively(() => OwnCluster.start({ nodes, say }));
      return;
    }
    case 'down':
      return exclusively(() => OwnCluster.remove());
    case 'load':
      return running().loadImages(args.map((archive) => ({ archive })));
    case 'kubectl': {
      const env = { ...process.env, KUBECONFIG: running().kubeconfig };
      const { status } = spawnSync(join(programsFolder(), 'bin/kubectl'), args, { env, stdio: 'inherit' });
      process.exitCode = status ?? 1;
      return;
    }
    case 'on':
      return running().machines.run(args[0], args.slice(1));
    case 'stop':
      return running().machines.stopProgram(args[0], args[1]);
    case 'start':
      return running().machines.startProgram(args[0], args[1]);
    default:
      throw new Error('usage: npm run cluster -- up [NODES] | down | load | kubectl | on | stop | start');
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
