import type { Duration, Size } from 'cdk8s';
import type { Form, Shape } from '../../lib/props/form.ts';
import * as props from '../../lib/props/form.ts';
import { duration, fieldsOf, flag, number, size, text, type ValueForm } from './value-forms.ts';

/** How props are said of which the library knows no more than that they are such. By what tells it, which `needed` leaves. */
const plain = new Map<Form['misfit'], ValueForm>([
  [props.text.misfit, text],
  [props.number.misfit, number],
  [props.flag.misfit, flag],
  [props.duration.misfit, duration],
  [props.size.misfit, size],
]);

/** Props that are more than that. */
type Others<Props> = {
  readonly [Name in keyof Props as NonNullable<Props[Name]> extends string | number | boolean | Duration | Size
    ? never
    : Name]-?: ValueForm;
};

/** A map of the props of a shape. How those are said that are no text, number, flag, duration or size, `others` say. */
export function fieldsByShape<Props extends object>(shape: Shape<Props>, others: Others<Props>): ValueForm<Props> {
  const given = others as Readonly<Record<string, ValueForm>>;
  const fields = Object.entries<Pick<Form, 'misfit'>>(shape).map(([name, { misfit }]) => {
    const form = given[name] ?? plain.get(misfit);
    if (form === undefined) throw new Error(`nothing says how '${name}' is said`);
    return [name, form];
  });
  return fieldsOf<Props>(Object.fromEntries(fields));
}
