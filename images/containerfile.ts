/** What a Containerfile of ours says: which archives make up the image, and how it runs. */
export interface Containerfile {
  /** Names of the archives in the build context, bottom first. */
  readonly layers: readonly string[];
  /** The `config` of the OCI image configuration. */
  readonly config: ImageConfig;
}

export interface ImageConfig {
  User?: string;
  WorkingDir?: string;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Labels?: Record<string, string>;
}

/**
 * Reads the part of the Containerfile format that our images need, so that images built without a container tool say
 * what those built with one say. Throws, with the line, on everything else.
 */
export function parseContainerfile(text: string, file: string): Containerfile {
  const layers: string[] = [];
  const config: ImageConfig = {};
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, instruction = '', value = ''] = /^([A-Z]+)\s+(\S.*?)\s*$/.exec(line) ?? [];
    const fail = (rule: string): never => {
      throw new Error(`${file}:${index + 1}: '${line}': ${rule}`);
    };
    const pair = (): [string, string] => {
      const match = /^([\w.]+)=("?)([^"\s]*)\2$/.exec(value);
      return match ? [match[1], match[3]] : fail('must be NAME=VALUE without spaces');
    };
    const list = (): string[] => {
      try {
        return JSON.parse(value) as string[];
      } catch {
        return fail('must be a JSON list, such as ["/usr/bin/program"]');
      }
    };
    switch (instruction) {
      case 'FROM':
        if (value !== 'scratch') fail('must be scratch: no registry is asked');
        break;
      case 'ADD': {
        const match = /^([\w.-]+\.tar) \/$/.exec(value);
        layers.push(match ? match[1] : fail('must be NAME.tar /'));
        break;
      }
      case 'ENV':
        config.Env = [...(config.Env ?? []), pair().join('=')];
        break;
      case 'LABEL':
        config.Labels = { ...config.Labels, ...Object.fromEntries([pair()]) };
        break;
      case 'USER':
        config.User = value;
        break;
      case 'WORKDIR':
        config.WorkingDir = value;
        break;
      case 'ENTRYPOINT':
        config.Entrypoint = list();
        break;
      case 'CMD':
        config.Cmd = list();
        break;
      default:
        fail('is not among the instructions that images/containerfile.ts knows');
    }
  }
  return { layers, config };
}
