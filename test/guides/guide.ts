/**
 * A guide as a test runs it. Of its code blocks
 *
 *     ```yaml canary.yaml    is what the reader saves under that name
 *     ```ts canary.yaml      is a cdk8s program that writes the same objects
 *     ```sh                  are commands that he types
 *     ```text                after commands: what the last of them prints (output.ts says how exactly)
 *
 * and others (`yaml` without a name, `text` after none) are only read.
 */
export type Step =
  | { readonly kind: 'file'; readonly line: number; readonly name: string; readonly text: string }
  | { readonly kind: 'program'; readonly line: number; readonly name: string; readonly text: string }
  | {
      readonly kind: 'commands';
      readonly line: number;
      readonly commands: readonly string[];
      /** What the last one prints; undefined when the guide does not say. */
      readonly prints: string | undefined;
    };

/** The steps of a guide, in their order. Lines are those of the markdown, from 1. */
export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  let end = 0;
  for (const match of markdown.matchAll(/^```(\w+)(?: ([\w.-]+))?\n([\s\S]*?)^```$/gm)) {
    const [whole, language, name, text] = match;
    const between = markdown.slice(end, match.index);
    end = match.index + whole.length;
    const line = markdown.slice(0, match.index).split('\n').length;
    if (language === 'sh') steps.push({ kind: 'commands', line, commands: commandsOf(text), prints: undefined });
    else if (name !== undefined && language === 'yaml') steps.push({ kind: 'file', line, name, text });
    else if (name !== undefined && language === 'ts') steps.push({ kind: 'program', line, name, text });
    else if (language === 'text' && !/^#/m.test(between)) {
      const last = steps.at(-1);
      if (last?.kind === 'commands' && last.prints === undefined) steps.splice(-1, 1, { ...last, prints: text });
    }
  }
  return steps;
}

/** One for each line; a line that ends with `\` goes on in the next. Comments are left out. */
function commandsOf(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
