/** One line of a cassette as a pretty file. Stands in for the whole of it. */
export function cassetteFile(line: string): { readonly name: string; readonly text: string } {
  const value = JSON.parse(line);
  const name = `${value.request?.provider ?? "entry"}-${line.length}.json`;
  return { name, text: `${JSON.stringify(value, null, 2)}\n` };
}

/** Back to the line. Throws with the file's name for one that is none. */
export function readCassetteFile(name: string, text: string): string {
  const value = JSON.parse(text);
  if (value.askonce !== 1) throw new Error(`${name} is no entry of a cassette`);
  return `${JSON.stringify(value)}\n`;
}
