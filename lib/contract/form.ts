/** A form that a text can have: how it is read (undefined when the text is not that), and how to say so. */
export interface Form<T> {
  readonly read: (text: string) => T | undefined;
  readonly expected: string;
}
