import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Yaml } from 'cdk8s';
import type { ProfileRoute } from '../kinds/service-profile.ts';
import { DescriptionError } from '../profile/description-error.ts';
import { type OpenApiOptions, openApiRoutes } from '../profile/open-api.ts';
import { protoRoutes } from '../profile/proto.ts';
import { refuse } from './checks.ts';

/** What a team has written down of its API: an OpenAPI document, or a .proto file. */
export class ApiDescription {
  /** The one in a file. Its path is that of the folder where the app runs. Throws when it cannot be read. */
  static file(path: string): ApiDescription {
    try {
      return new ApiDescription(path, readFileSync(path, 'utf8'));
    } catch (error) {
      return refuse('path', path, `must be a file that can be read: ${(error as Error).message}`);
    }
  }

  /** The text itself. */
  static text(text: string): ApiDescription {
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
    if (this.content.trimStart().startsWith('{')) {
      try {
        return JSON.parse(this.content);
      } catch {
        // YAML may begin with a brace, too.
      }
    }
    const documents = yamlDocuments(this.content);
    if (documents.length !== 1) throw new DescriptionError(`it must be one document, and is ${documents.length}`);
    return documents[0];
  }
}

/** By cdk8s, which reads YAML from files alone: the package brings no parser of its own. */
function yamlDocuments(text: string): unknown[] {
  const path = Yaml.tmp([]);
  try {
    writeFileSync(path, text);
    return Yaml.load(path);
  } finally {
    rmSync(dirname(path), { recursive: true });
  }
}
