import { CommandError } from "../../errors.ts";
import { ask } from "../answers.ts";
import { type Command, jsonFlag, option } from "../command.ts";

export const token: Command = {
  name: "token",
  operands: "",
  words: { least: 0, most: 0 },
  summary: "say where the admin API's token is, or make a new one",
  notes: "The token itself is never printed: it is the one line of that file, readable for its owner only.",
  flags: [{ name: "--rotate", help: "make a new one; the old one no longer counts" }, jsonFlag],
  settings: "place",
  examples: [
    ["askonce token", "prints the path of its file"],
    [
      'curl -H "Authorization: Bearer $(cat "$(askonce token)")" http://127.0.0.1:8181/admin/api/stats',
      "uses it",
    ],
    ["askonce token --rotate", "makes a new one"],
  ],
  async run(context) {
    const { host, screen } = context;
    const { data } = (await context.load()).config;
    const file = `${data}/admin-token`;
    const rotate = option(context, "--rotate") !== undefined;
    if (rotate) await ask(await context.connect({ writes: true }), ["POST", "/token"], { body: {} });
    else if ((await host.files.size(file).catch(() => undefined)) === undefined) {
      throw new CommandError(`there is no token yet: the first start makes it in ${file}`);
    }
    if (screen.json) await screen.document({ file, rotated: rotate });
    else await screen.out(`${file}\n`);
    if (rotate) screen.say("the admin API has a new token; whoever used the old one reads the file again");
    return 0;
  },
};
