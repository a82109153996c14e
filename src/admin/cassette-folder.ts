/** Stands in for the folder form of cassettes: the same functions over plain JSON. */

/** The file of one line; undefined for the note that ends a cassette. */
export function cassetteFile(line: string): { readonly name: string; readonly text: string } | undefined {
  const value = JSON.parse(line);
  if (value.request === undefined) return undefined;
  return {
    name: `${value.request.provider}-${line.length}.json`,
    text: `${JSON.stringify(value, null, 2)}\n`,
  };
}

/** Back to the line. Throws with the file's name for one that is none. */
export function readCassetteFile(name: string, text: string): string {
  try {
    return `${JSON.stringify(JSON.parse(text))}\n`;
  } catch {
    throw new Error(`${name}: not valid JSON`);
  }
}

/** An error's message with the file's name for `line N`. */
export function namingFile(message: string, names: readonly string[]): string {
  return message.replace(/\bline (\d+)/g, (line, number: string) => names[Number(number) - 1] ?? line);
}
