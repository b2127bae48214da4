import { basename, join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { bundle, executable, root } from './bundle.ts';
import { capability, Layer } from './layer.ts';
import { type Sysroot, thisMachine } from './sysroot.ts';

/** What an image is made of, bottom layer first: a runtime, which changes seldom, and the program. */
export interface ImageContents {
  /** Of the folder with the Containerfile; the image's own is `tulle-` and this. */
  readonly name: ImageName;
  readonly architecture: Architecture;
  readonly layers: () => readonly { readonly archive: string; readonly layer: Layer }[];
}

export const imageNames = ['proxy', 'controller', 'emojivoto'] as const;
export type ImageName = (typeof imageNames)[number];

/**
 * Options of Node for the control plane. Its young generation is what a change of many objects fills: kept small, each of
 * its collections is short, and what a proxy costs in resident memory is 60 % of what it is by default (bench:scale).
 */
export const controllerNodeOptions = ['--max-semi-space-size=4'] as const;

/** Extensions of iptables that our rules use, and those that list the rules of others most often. */
const iptablesExtensions = [
  ...['addrtype', 'comment', 'conntrack', 'mark', 'multiport', 'owner', 'standard', 'state', 'tcp', 'udp'],
  ...['MARK', 'MASQUERADE', 'REDIRECT', 'DNAT', 'SNAT'],
].map((name) => `libxt_${name}.so`);

/** Of the program's first line, where Linux takes one argument. */
const controllerInterpreter = `/usr/bin/node ${controllerNodeOptions.join(' ')}`;

const contents: Readonly<Record<ImageName, (sysroot: Sysroot) => ReturnType<ImageContents['layers']>>> = {
  proxy: (sysroot) => [
    { archive: 'runtime.tar', layer: proxyRuntime(sysroot) },
    { archive: 'app.tar', layer: program('tulle-proxy', executable('proxy/main.ts', 'bun', '/usr/bin/bun'), 'js') },
  ],
  controller: (sysroot) => [
    { archive: 'runtime.tar', layer: nodeRuntime(sysroot) },
    {
      archive: 'app.tar',
      layer: program('tulle-controller', executable('control-plane/main.ts', 'node', controllerInterpreter), 'mjs'),
    },
  ],
  emojivoto: (sysroot) => [
    { archive: 'runtime.tar', layer: nodeRuntime(sysroot) },
    { archive: 'app.tar', layer: emojivoto() },
  ],
};

/** Of this machine's architecture, or of that of `sysroot`. */
export const imageContents = (name: ImageName, sysroot: Sysroot = thisMachine): ImageContents => ({
  name,
  architecture: sysroot.architecture,
  layers: () => contents[name](sysroot),
});

/** What programs of the C library expect, and no more: there is no shell and no package manager. */
export function base(sysroot: Sysroot = thisMachine): Layer {
  const layer = new Layer(sysroot);
  for (const folder of ['dev', 'proc', 'run', 'sys', 'var']) layer.directory(`/${folder}`);
  for (const folder of ['bin', 'sbin', 'lib', 'lib64'])
    layer.directory(`/usr/${folder}`).symlink(`/${folder}`, `usr/${folder}`);
  return layer
    .directory('/tmp', 0o1777)
    .text('/etc/passwd', users.map(([name, id]) => `${name}:x:${id}:${id}::/:/sbin/nologin\n`).join(''))
    .text('/etc/group', users.map(([name, id]) => `${name}:x:${id}:\n`).join(''))
    .text('/etc/nsswitch.conf', 'hosts: files dns\n'); // without it, names in /etc/hosts are asked of DNS first
}

const users = [
  ['root', 0],
  ['tulle-proxy', 2102],
  ['tulle-controller', 2103],
  ['emojivoto', 2104],
  ['nobody', 65_534],
] as const;

function proxyRuntime(sysroot: Sysroot): Layer {
  const network = [capability.netAdmin, capability.netRaw];
  const layer = base(sysroot)
    // The init container runs as nobody. Only a file can give what it has been allowed back to it: to `init`, to pass on
    // without having it in force, and to iptables. The sidecar itself is allowed nothing, and so gets nothing.
    .program('/usr/bin/bun', sysroot.bun, { capabilities: { permitted: network, effective: false } })
    .program('/usr/bin/sleep', 'sleep'); // before the sidecar's end, where pods ask for it
  for (const [kind, suffixes] of [
    ['nft', ['nft', 'nft-save', 'nft-restore']],
    ['legacy', ['legacy', 'legacy-save', 'legacy-restore']],
  ] as const) {
    const multi = `xtables-${kind}-multi`;
    layer.program(`/usr/sbin/${multi}`, multi, { capabilities: { permitted: network, effective: true } });
    for (const suffix of suffixes) {
      for (const family of ['iptables', 'ip6tables']) layer.symlink(`/usr/sbin/${family}-${suffix}`, multi);
    }
  }
  const folder = sysroot.extensions();
  for (const name of iptablesExtensions) layer.library(join(folder, name));
  return layer;
}

/** Node, and what it needs. */
export const nodeRuntime = (sysroot: Sysroot = thisMachine): Layer =>
  base(sysroot).program('/usr/bin/node', sysroot.node);

/** The name without an extension is for people; with one, the runtime knows what it reads. */
function program(name: string, text: string, extension: string): Layer {
  const file = `/usr/lib/tulle/${name}.${extension}`;
  return new Layer()
    .directory('/usr/bin')
    .text(file, text, { mode: 0o755 })
    .symlink(`/usr/bin/${name}`, `../lib/tulle/${basename(file)}`);
}

/** The chart's commands name the sources, as a local mesh runs them; each leads to its bundle. */
function emojivoto(): Layer {
  const folder = 'examples/emojivoto/services';
  const layer = new Layer().text('/srv/tulle/package.json', '{ "type": "module" }\n');
  for (const service of ['emoji', 'voting', 'web', 'vote-bot', 'ask']) {
    layer
      .text(`/srv/tulle/${folder}/${service}.ts`, `import './${service}.bundle.js';\n`)
      .text(`/srv/tulle/${folder}/${service}.bundle.js`, bundle(join(root, folder, `${service}.ts`), 'node'));
  }
  return layer;
}
