import type { ProfileRoute } from '../kinds/service-profile.ts';
import { DescriptionError } from './description-error.ts';
import { pathRegex } from './path-regex.ts';
import { protoTokens, type Token } from './proto-tokens.ts';

interface Method {
  readonly service: string;
  readonly name: string;
}

/**
 * Routes of the text of a .proto file, those of `linkerd profile --proto`: one for each method of its services, by the name of
 * the method (`Service/Method` where two services have one of that name). Of the language only services are read, and what
 * else may stand in a file is passed over; a DescriptionError names the line of what cannot.
 */
export function protoRoutes(text: string): ProfileRoute[] {
  const { packageName, methods } = new ProtoReader(protoTokens(text.replace(/^\ufeff/, ''))).file();
  const count = (method: string) => methods.filter(({ name }) => name === method).length;
  return methods.map(({ service, name }) => ({
    name: count(name) === 1 ? name : `${service}/${name}`,
    condition: {
      method: 'POST',
      pathRegex: pathRegex(`/${packageName === '' ? '' : `${packageName}.`}${service}/${name}`),
    },
  }));
}

const isWord = (text: string): boolean => /^[A-Za-z_]\w*$/.test(text);

class ProtoReader {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  file(): { readonly packageName: string; readonly methods: readonly Method[] } {
    const methods: Method[] = [];
    let packageName: string | undefined;
    while (this.at < this.tokens.length) {
      const { text, line } = this.next('a statement');
      switch (text) {
        case ';':
          break;
        case 'package':
          if (packageName !== undefined) throw new DescriptionError(`line ${line}: the package has been said already`);
          packageName = this.typeName();
          this.expect(';');
          break;
        case 'service':
          methods.push(...this.service(methods));
          break;
        case 'syntax':
        case 'edition':
        case 'import':
        case 'option':
          this.passStatement();
          break;
        // Words in front of a declaration, of edition 2024.
        case 'export':
        case 'local':
          break;
        case 'message':
        case 'enum':
        case 'extend':
          this.typeName();
          this.expect('{');
          this.passBlock(line);
          break;
        default:
          throw new DescriptionError(`line ${line}: '${text}' must begin a statement, such as 'service' or 'message'`);
      }
    }
    return { packageName: packageName ?? '', methods };
  }

  private service(before: readonly Method[]): Method[] {
    const { text: service, line } = this.word('the name of a service');
    if (before.some((method) => method.service === service)) {
      throw new DescriptionError(`line ${line}: there is a service ${service} already`);
    }
    const methods: Method[] = [];
    this.expect('{');
    for (let token = this.next("'}'"); token.text !== '}'; token = this.next("'}'")) {
      if (token.text === 'option') this.passStatement();
      else if (token.text === 'rpc') methods.push({ service, name: this.method(methods) });
      else if (token.text !== ';') {
        throw new DescriptionError(
          `line ${token.line}: '${token.text}' must be 'rpc' or 'option', in the service ${service}`,
        );
      }
    }
    return methods;
  }

  private method(before: readonly Method[]): string {
    const { text: name, line } = this.word('the name of a method');
    if (before.some((method) => method.name === name)) {
      throw new DescriptionError(`line ${line}: there is a method ${name} already`);
    }
    this.messageType();
    this.expect('returns');
    this.messageType();
    const { text: end, line: endLine } = this.next("';' or '{'");
    if (end === '{') this.passBlock(endLine);
    else if (end !== ';')
      throw new DescriptionError(`line ${endLine}: '${end}' must be ';' or '{', after the method ${name}`);
    return name;
  }

  /** `(stream shop.v1.Order)`. A message can be named `stream`. */
  private messageType(): void {
    this.expect('(');
    const isStream = this.tokens[this.at]?.text === 'stream' && !['.', ')'].includes(this.tokens[this.at + 1]?.text);
    if (isStream) this.at += 1;
    if (this.tokens[this.at]?.text === '.') this.at += 1;
    this.typeName();
    this.expect(')');
  }

  /** `shop.v1.Orders`, with a point in front of it too. */
  private typeName(): string {
    const parts = [this.tokens[this.at]?.text === '.' ? this.absolute() : this.word('a name').text];
    while (this.tokens[this.at]?.text === '.') {
      this.at += 1;
      parts.push(this.word('a name').text);
    }
    return parts.join('.');
  }

  private absolute(): string {
    this.at += 1;
    return this.word('a name').text;
  }

  /** Until the semicolon that ends a statement; the value of an option may be a block. */
  private passStatement(): void {
    for (let token = this.next("';'"); token.text !== ';'; token = this.next("';'")) {
      if (token.text === '{') this.passBlock(token.line);
      else if (token.text === '}') throw new DescriptionError(`line ${token.line}: '}' must not stand before ';'`);
    }
  }

  /** Behind the brace that ends the block that has begun on a line. */
  private passBlock(line: number): void {
    for (let depth = 1; depth > 0; ) {
      const { text } = this.next(`'}' for the '{' of line ${line}`);
      if (text === '{') depth += 1;
      else if (text === '}') depth -= 1;
    }
  }

  private expect(text: string): void {
    const token = this.next(`'${text}'`);
    if (token.text !== text) throw new DescriptionError(`line ${token.line}: '${token.text}' must be '${text}'`);
  }

  private word(what: string): Token {
    const token = this.next(what);
    if (!isWord(token.text)) throw new DescriptionError(`line ${token.line}: '${token.text}' must be ${what}`);
    return token;
  }

  private next(expected: string): Token {
    const token = this.tokens[this.at];
    if (token === undefined) {
      const last = this.tokens.at(-1)?.line ?? 1;
      throw new DescriptionError(`line ${last}: the file ends where ${expected} must stand`);
    }
    this.at += 1;
    return token;
  }
}
