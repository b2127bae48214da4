import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { ProfileRoute } from '../kinds/service-profile.ts';
import { DescriptionError } from '../profile/description-error.ts';
import { type OpenApiOptions, openApiRoutes } from '../profile/open-api.ts';
import { protoRoutes } from '../profile/proto.ts';
import { refuse } from './checks.ts';
import { documentOf, type YamlReader } from './description-document.ts';

/** What a team has written down of its API: an OpenAPI document, or a .proto file. */
export class ApiDescription {
  /** The one in a file. Its path is that of the folder where the app runs. Throws when it cannot be read. */
  static file(path: string): ApiDescription {
    if (typeof path !== 'string') refuse('path', path, 'must be the path of a file');
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      return refuse('path', path, `must be a file that can be read: ${(error as Error).message}`);
    }
    return new ApiDescription(path, decoded(path, bytes));
  }

  /** The text itself. */
  static text(text: string): ApiDescription {
    if (typeof text !== 'string')
      refuse('text', text, 'must be the text of a description: of a file, say ApiDescription.file');
    return new ApiDescription(`${text.slice(0, 30).trim()}...`, text);
  }

  private readonly name: string;
  private readonly content: string;

  private constructor(name: string, content: string) {
    this.name = name;
    this.content = content;
  }

  /** As an OpenAPI document, in JSON or YAML. @internal */
  _openApiRoutes(options: OpenApiOptions): ProfileRoute[] {
    return this.read(() => openApiRoutes(this.parsed(), options));
  }

  /** As a .proto file. @internal */
  _protoRoutes(): ProfileRoute[] {
    return this.read(() => protoRoutes(this.content));
  }

  private read(routesOf: () => ProfileRoute[]): ProfileRoute[] {
    let routes: ProfileRoute[];
    try {
      routes = routesOf();
    } catch (error) {
      if (!(error instanceof DescriptionError)) throw error;
      throw new Error(`'description' (${this.name}) cannot be read: ${error.message}`, { cause: error });
    }
    if (routes.length === 0) refuse('description', this.name, 'must describe an operation: there would be no routes');
    return routes;
  }

  private parsed(): unknown {
    return documentOf(this.content, yamlOfCdk8s());
  }
}

/** Bytes that are no UTF-8 would be read as something else. */
function decoded(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse('path', path, 'must be a text in UTF-8: save it as such');
  }
}

/**
 * The parser that cdk8s has with it: the package brings none of its own, and `Yaml.load` passes over what it cannot read. It
 * is found from where this module stands; in a module that does not know, from the folder where the app runs.
 */
function yamlOfCdk8s(): YamlReader {
  const here = typeof __filename === 'string' ? __filename : join(process.cwd(), 'main.js');
  const cdk8s = createRequire(here).resolve('cdk8s');
  return createRequire(cdk8s)('yaml') as YamlReader;
}
