/**
 * Bounds of what is read, in characters: whoever may write an object chooses its texts, and what reads one must be done
 * with it at once. Each is far beyond what is ever meant.
 */
export const longest = { number: 64, address: 64, text: 4096, list: 16_384, json: 65_536 } as const;

/** A form that a text can have: how it is read (undefined when the text is not that), and how to say so. */
export interface Form<T> {
  readonly read: (text: string) => T | undefined;
  readonly expected: string;
}
