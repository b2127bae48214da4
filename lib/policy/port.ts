import { checkProps } from '../props/check-props.ts';
import { needed, text } from '../props/form.ts';
/** A port of pods. */
export class Port {
  /** By its number, from 1 to 65535. */
  static number(port: number): Port {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new Error(`'port' (${port}) must be a port from 1 to 65535`);
    }
    return new Port(port);
  }

  /** By the name that containers give it, which may be another number in each pod. */
  static named(name: string): Port {
    checkProps({ name: needed(text) }, { name });
    if (!/^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(name)) {
      throw new Error(
        `'name' (${name}) must be the name of a container port: 15 characters at most, a letter among them`,
      );
    }
    return new Port(name);
  }

  /** Its number, or its name. */
  readonly value: number | string;

  private constructor(value: number | string) {
    this.value = value;
  }
}
