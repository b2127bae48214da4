/** Why a text is no regular expression that a proxy can match by; undefined when it is one. Flags may lead it: `(?i)abc`. */
export function patternProblem(text: string): string | undefined {
  try {
    new RegExp(text.replace(/^\(\?([ims]+)\)(.*)$/s, '(?$1:$2)'));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
