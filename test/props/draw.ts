import { Duration } from 'cdk8s';
import fc, { type GeneratorValue } from 'fast-check';

/** fast-check tells the arguments of arbitraries apart by what they print as, and all patterns print alike. */
const matching = (source: string): fc.Arbitrary<string> => fc.stringMatching(new RegExp(source));

/** Draws the values that an app is made of, which fast-check makes smaller when it has found one that is refused. */
export class Draw {
  private readonly value: GeneratorValue;

  constructor(value: GeneratorValue) {
    this.value = value;
  }

  number(min: number, max: number): number {
    return this.value(fc.integer, { min, max });
  }

  fraction(min: number, max: number): number {
    return this.number(min * 100, max * 100) / 100;
  }

  flag(): boolean {
    return this.value(fc.boolean);
  }

  of<T>(values: readonly T[]): T {
    return values[this.number(0, values.length - 1)];
  }

  /** Left out every other time. */
  maybe<T>(make: () => T): T | undefined {
    return this.flag() ? make() : undefined;
  }

  list<T>(min: number, max: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.number(min, max) }, (_, index) => make(index));
  }

  text({ source }: RegExp): string {
    return this.value(matching, source);
  }

  /** A label of DNS. */
  name(): string {
    return this.text(/^[a-z]([a-z0-9-]{0,12}[a-z0-9])?$/);
  }

  host(): string {
    return `${this.name()}.example`;
  }

  headerName(): string {
    return this.text(/^x-[a-z][a-zA-Z0-9-]{0,10}$/);
  }

  headerValue(): string {
    return this.text(/^[!-~]([ -~]{0,12}[!-~])?$/);
  }

  headers(): Record<string, string> {
    return Object.fromEntries(this.list(1, 3, (index) => [`${this.headerName()}${index}`, this.headerValue()]));
  }

  path(): string {
    return this.text(/^(\/[a-zA-Z0-9_~-]{1,8}){1,3}$/);
  }

  port(): number {
    return this.number(1, 65_535);
  }

  millis(min = 1, max = 100_000): Duration {
    return Duration.millis(this.number(min, max));
  }

  seconds(min = 1, max = 3600): Duration {
    return Duration.seconds(this.number(min, max));
  }

  cidr(): string {
    return this.flag()
      ? `10.${this.number(0, 255)}.0.0/${this.number(16, 24)}`
      : `fd00:${this.number(1, 9999)}::/${this.number(32, 64)}`;
  }
}
