import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';

export const containerTools = ['docker', 'podman', 'buildah'] as const;
export type ContainerTool = (typeof containerTools)[number];

/** The first of docker, podman and buildah that is installed and answers. */
export function workingTool(): ContainerTool | undefined {
  return containerTools.find((tool) => isWorking(tool));
}

export const isWorking = (tool: ContainerTool): boolean =>
  spawnSync(tool, tool === 'buildah' ? ['info'] : ['version'], { stdio: 'ignore', timeout: 10_000 }).status === 0;

/** Builds `context`, which holds a Containerfile and the archives that it adds, into an image of the tool's own store. */
export function build(tool: ContainerTool, name: string, context: string): void {
  const file = `${context}/Containerfile`;
  const options = {
    docker: ['build', '--quiet', '--file', file, '--tag', name, context],
    podman: ['build', '--quiet', '--layers', '--network=none', '--timestamp=0', '--file', file, '--tag', name, context],
    // Nothing runs during the build, so the weakest isolation will do; it works in containers too.
    buildah: [
      'build',
      '--quiet',
      '--layers',
      '--isolation=chroot',
      '--timestamp=0',
      '--file',
      file,
      '--tag',
      name,
      context,
    ],
  }[tool];
  execFileSync(tool, options, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Writes an image of the tool's store to `out` as an archive that clusters load. */
export function save(tool: ContainerTool, name: string, out: string): void {
  if (existsSync(out)) rmSync(out); // the tools add to an archive that is there
  const options = {
    docker: ['save', '--output', out, name],
    // `save` would put `localhost/` before the name, under which no cluster looks for it.
    podman: ['push', '--quiet', name, `docker-archive:${out}:${name}`],
    buildah: ['push', '--quiet', name, `docker-archive:${out}:${name}`],
  }[tool];
  execFileSync(tool, options, { stdio: ['ignore', 'ignore', 'inherit'] });
}
