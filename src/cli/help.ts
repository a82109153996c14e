/** What `askonce --help` prints. */
export const help = `askonce: a caching reverse proxy for LLM APIs

Usage: askonce [COMMAND] [--SETTING VALUE]…

Commands:
  serve     answer clients (what askonce does without a command)
  config    print the settings in effect; config --help lists them all with their defaults

Flags:
  --listen ADDRESS      where to listen (127.0.0.1:8181 and [::1]:8181)
  --provider NAME=URL   a further provider, or another address for one that is built in
  --data FOLDER         where answers are kept
  --config FILE         the settings file (askonce.toml)
  --version             print the version
  --help                print this

Every setting is a flag, a variable and a line of the settings file: --ttl 4h, ASKONCE_TTL=4h, ttl = "4h".
Flags beat variables, variables beat the file.
`;
