/** Names of settings that hold secrets, those that somebody took for settings included. */
const SECRET_NAME = /(?:token|secret|passw(?:or)?d|credential|api[._-]?key)s?$/i;
/** Texts that look like an API key wherever they stand. */
const LOOKS_LIKE_KEY = /(?:\b|_)(?:sk|pk|rk|gsk|xai|hf|r8|pplx|nvapi|AIza|ya29|eyJ)[-_.A-Za-z0-9]{16,}/g;
/** As long as an access token, of what one consists of. */
const LONG_WORD = /[A-Za-z0-9._~-]{16,}/g;
const HIDDEN = "***";

/** A setting's value fit for a message: where it may be a secret, or holds one, without it. */
export function shownValue(setting: string, value: string): string {
  return SECRET_NAME.test(setting) && value !== "" ? HIDDEN : withoutSecrets(value);
}

/** A line of a settings file fit for a message, whatever setting it may belong to. */
export function shownLine(line: string): string {
  const at = line.indexOf("=") + 1;
  const name = line.slice(0, at);
  if (SECRET_NAME.test(name.slice(0, -1).trim())) return `${name} ${HIDDEN}`;
  return name + line.slice(at).replace(LONG_WORD, HIDDEN);
}

/** A URL, or any other text, fit for a message. */
function withoutSecrets(text: string): string {
  const bare = text.replace(/\/\/[^/\s]*@/g, "//***@").replace(/[?#]\S*/g, (tail) => `${tail[0]}***`);
  return withoutKeys(bare);
}

/** A text with what looks like an API key hidden. */
export function withoutKeys(text: string): string {
  return text.replace(LOOKS_LIKE_KEY, HIDDEN);
}
