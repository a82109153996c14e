/** Has the test start a server by this command line, prints what the start printed, and ends. See sandbox.ts. */
const answer = await fetch(process.env.DOCS_SERVERS!, {
  method: "POST",
  body: JSON.stringify({ command: process.argv.slice(2), cwd: process.cwd(), env: process.env }),
});
process.stdout.write(await answer.text());
process.exit(answer.ok ? 0 : 1);
