import { NotInPlace } from './yaml-places.ts';

/** Where the lines of a text begin and end, by the offset of something in them. */
export class TextLines {
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  start(offset: number): number {
    return this.text.lastIndexOf('\n', offset - 1) + 1;
  }

  column(offset: number): number {
    return offset - this.start(offset);
  }

  /** Start of the line that something begins. Throws where something else stands before it. */
  startOf(offset: number): number {
    const start = this.start(offset);
    if (this.text.slice(start, offset).trim() !== '') throw new NotInPlace();
    return start;
  }

  /** The start of the comments right above a line: they speak of what follows them. */
  aboveComments(lineStart: number): number {
    let start = lineStart;
    while (start > 0) {
      const above = this.start(start - 1);
      if (!this.text.slice(above, start).trimStart().startsWith('#')) break;
      start = above;
    }
    return start;
  }

  /** Behind the end of the line. */
  end(offset: number): number {
    if (this.text[offset - 1] === '\n') return offset;
    const end = this.text.indexOf('\n', offset);
    return end < 0 ? this.text.length : end + 1;
  }
}
