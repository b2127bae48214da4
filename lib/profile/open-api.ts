import { goDurationMs } from '../contract/durations.ts';
import type { ProfileRoute } from '../kinds/service-profile.ts';
import { DescriptionError } from './description-error.ts';
import { bySpecificity, pathRegex } from './path-regex.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Operations of a path in the order in which `linkerd profile` has them; it leaves out the last two. */
const methods = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put', 'query', 'trace'];
const otherFields = '$ref summary description servers parameters additionalOperations'.split(' ');

export interface OpenApiOptions {
  /**
   * Path under which the Service has all that the document describes.
   *
   * @default - `basePath` of a document of Swagger 2.0. Of OpenAPI 3 none: its servers are how clients outside call it
   */
  readonly basePath?: string;
}

/**
 * Routes of a document of OpenAPI 3 or Swagger 2.0, parsed already: one for each operation, named `GET /items/{id}`, with
 * a class for each status that is described, from 500 on a failure. `x-linkerd-retryable` and `x-linkerd-timeout` of an
 * operation are read. They are what `linkerd profile --open-api` writes, but for four things: a slash at the end stays, `5XX`
 * is a class, a parameter never takes what a more specific path is for, and what cannot be read throws a DescriptionError.
 */
export function openApiRoutes(document: unknown, options: OpenApiOptions = {}): ProfileRoute[] {
  const root = fields(document, 'the document');
  checkVersion(root);
  const base = basePath(options.basePath ?? root.basePath);
  const paths = fields(root.paths ?? {}, 'paths');
  const templates = Object.keys(paths).filter((path) => !path.startsWith('x-'));
  const owners = new Map<string, string>();
  return templates.sort(bySpecificity).flatMap((template) => {
    if (!template.startsWith('/')) throw new DescriptionError(`paths['${template}'] must begin with a slash`);
    const where = `paths['${template}']`;
    const path = `${base}${template}`;
    const regex = pathRegex(path);
    const owner = owners.get(regex);
    if (owner !== undefined) {
      throw new DescriptionError(`${where} is for the same requests as ${owner}: describe them once`);
    }
    owners.set(regex, where);
    return operationsOf(resolved(paths[template], where, root), where).map(({ method, operation, at }) => ({
      name: `${method} ${path}`,
      condition: { pathRegex: regex, method },
      ...routeSettings(operation, at),
    }));
  });
}

function checkVersion({ openapi, swagger }: Fields): void {
  if (/^3(\.|$)/.test(String(openapi ?? ''))) return;
  if (/^2(\.0)?$/.test(String(swagger ?? ''))) return;
  const found = openapi === undefined ? `swagger: ${swagger}` : `openapi: ${openapi}`;
  throw new DescriptionError(`the document (${found}) must be of OpenAPI 3 or Swagger 2.0, and say so`);
}

function basePath(base: unknown): string {
  if (base === undefined || base === '') return '';
  if (typeof base !== 'string' || !base.startsWith('/') || base.includes('{')) {
    throw new DescriptionError(`basePath (${shown(base)}) must be a path such as /v1`);
  }
  return base.endsWith('/') ? base.slice(0, -1) : base;
}

/** A path's description, which may stand elsewhere in the document. */
function resolved(value: unknown, where: string, root: Fields): Fields {
  const item = fields(value, where);
  if (item.$ref === undefined) return item;
  const { $ref: reference, ...own } = item;
  if (typeof reference !== 'string' || !reference.startsWith('#/')) {
    throw new DescriptionError(
      `${where}.$ref (${shown(reference)}) must be within the document: bundle its files first`,
    );
  }
  let found: unknown = root;
  for (const part of reference.slice(2).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isFields(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  }
  const target = fields(found, `${where}.$ref (${reference})`);
  if (target.$ref !== undefined) {
    throw new DescriptionError(`${where}.$ref (${reference}) must be of a path, not of another reference`);
  }
  return { ...target, ...own };
}

interface Operation {
  readonly method: string;
  readonly operation: Fields;
  readonly at: string;
}

function operationsOf(item: Fields, where: string): Operation[] {
  const unknown = Object.keys(item).find(
    (key) => !methods.includes(key) && !otherFields.includes(key) && !key.startsWith('x-'),
  );
  if (unknown !== undefined) {
    throw new DescriptionError(`${where}.${unknown} is no operation: it must be one of ${methods.join(', ')}`);
  }
  const known = methods
    .filter((key) => item[key] !== undefined)
    .map((key) => [key, key.toUpperCase(), item[key]] as const);
  const more = Object.entries(fields(item.additionalOperations ?? {}, `${where}.additionalOperations`));
  return [...known, ...more.map(([key, value]) => [`additionalOperations.${key}`, key, value] as const)].map(
    ([key, method, value]) => {
      const at = `${where}.${key}`;
      if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/.test(method))
        throw new DescriptionError(`${at} must be a method of HTTP`);
      return { method, operation: fields(value, at), at };
    },
  );
}

function routeSettings(operation: Fields, at: string): Partial<ProfileRoute> {
  const { 'x-linkerd-retryable': retryable, 'x-linkerd-timeout': timeout, responses } = operation;
  if (retryable !== undefined && typeof retryable !== 'boolean') {
    throw new DescriptionError(`${at}.x-linkerd-retryable (${shown(retryable)}) must be true or false`);
  }
  if (timeout !== undefined && !(typeof timeout === 'string' && (goDurationMs.read(timeout) ?? 0) > 0)) {
    throw new DescriptionError(`${at}.x-linkerd-timeout (${shown(timeout)}) must be a duration such as 250ms or 1m30s`);
  }
  const responseClasses = Object.keys(fields(responses ?? {}, `${at}.responses`)).flatMap((status) =>
    responseClass(status, `${at}.responses`),
  );
  return {
    ...(responseClasses.length === 0 ? {} : { responseClasses }),
    ...(retryable === true ? { isRetryable: true } : {}),
    ...(typeof timeout === 'string' ? { timeout } : {}),
  };
}

function responseClass(status: string, where: string): NonNullable<ProfileRoute['responseClasses']> {
  if (status === 'default' || status.startsWith('x-')) return [];
  const [, first, rest] = /^([1-5])(\d\d|XX)$/i.exec(status) ?? [];
  if (first === undefined) {
    throw new DescriptionError(`${where}['${status}'] must be a status from 100 to 599, such as 404, or 5XX`);
  }
  const [min, max] = /xx/i.test(rest) ? [`${first}00`, `${first}99`] : [status, status];
  const condition = { status: { min: Number(min), max: Number(max) } };
  return [first === '5' ? { condition, isFailure: true } : { condition }];
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fields(value: unknown, where: string): Fields {
  if (!isFields(value)) throw new DescriptionError(`${where} (${shown(value)}) must be an object`);
  return value;
}

/** Of a value as messages show it. YAML can have one within itself. */
const shown = (value: unknown): string =>
  Array.isArray(value) ? 'a list' : isFields(value) ? 'an object' : (JSON.stringify(value) ?? 'nothing').slice(0, 80);
