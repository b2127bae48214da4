import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian keeps programs; the PATH of a service often has not all of it. */
export const programPath = ['/usr/local/go/bin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

const toRun = [
  'containerd',
  'runc',
  'ctr',
  'iptables',
  'ip',
  'nsenter',
  'unshare',
  'conntrack',
  'socat',
  'curl',
  'busybox',
];
const toBuild = ['gcc'];
const goVersion = { major: 1, minor: 26 };
const packagesHint = 'test/cluster/packages.sh installs what is missing on Debian';

/** Why a cluster of our own cannot run on this machine, or undefined when it can. `built` says that its programs are there. */
export function whyNotHere(built: boolean): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!existsSync('/etc/debian_version')) return 'it needs Debian, whose packages bring containerd and the CNI plugins';
  if (!/^\d+:memory:/m.test(readFileSync('/proc/self/cgroup', 'utf8'))) return 'it needs the controllers of cgroup v1';
  const missing = [...toRun, ...(built ? [] : toBuild)].filter((name) => find(name) === undefined);
  if (missing.length > 0) return `${missing.join(', ')} not found: ${packagesHint}`;
  if (!existsSync('/usr/lib/cni/bridge')) return `/usr/lib/cni/bridge is not there: ${packagesHint}`;
  if (!worksInNamespaces(['--net', '--mount', '--pid', '--fork'], 'true'))
    return 'this process may not make network namespaces';
  return built ? undefined : whyGoCannot();
}

function whyGoCannot(): string | undefined {
  const needed = `Go ${goVersion.major}.${goVersion.minor} builds its programs`;
  const go = find('go');
  if (go === undefined) return `${needed}, and there is no go on the PATH`;
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(execFileSync(go, ['version'], { encoding: 'utf8' })) ?? [];
  const enough = Number(major) === goVersion.major && Number(minor) >= goVersion.minor;
  return enough ? undefined : `${needed}, and ${go} is ${major}.${minor}`;
}

/** Whether a command ends well in new namespaces, of the kinds that `unshare` is told (unshare(1)). */
export function worksInNamespaces(kinds: readonly string[], command: string): boolean {
  try {
    execFileSync('unshare', [...kinds, 'sh', '-c', command], {
      env: { PATH: `${process.env['PATH'] ?? ''}:${programPath.join(':')}` },
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

function find(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...programPath];
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
