# Sets up what the other scripts run with; they read this file with `.`, with $root set to the checkout.
#
#   setup_bun         puts a fitting Bun's path into $bun: one on PATH, else the pinned one from npm in .tools/
#   setup_deno        the same for Deno and $deno
#   setup_dependencies [dev]   installs from the lockfile, where package.json or bun.lock changed since

bun_version=1.4.5
deno_version=2.9.6

say() { printf 'askonce: %s\n' "$*" >&2; }

# fits HAVE WANTED: the same major version and not an older one
fits() {
  [ "${1%%.*}" = "${2%%.*}" ] || return 1
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

setup_bun() {
  bun=$root/.tools/bun-$bun_version/bun
  [ -x "$bun" ] && return
  have=$(bun --version 2>/dev/null </dev/null) || have=0
  if fits "${have%%-*}" "$bun_version"; then
    bun=$(command -v bun)
    return
  fi
  say "fetching bun $bun_version from npm into .tools/"
  fetch_package bun "$bun_version"
  # The package's own `bun` is a stub until its install script has run; the program is in the platform's package.
  for program in "$aside"/node_modules/@oven/bun-*/bin/bun "$aside"/node_modules/bun/bin/bun.exe; do
    keep_program "$program" "$bun_version" "$bun" && return
  done
  say "no program of bun $bun_version runs on this machine"
  exit 1
}

# Not a dependency in package.json: its stub in node_modules/.bin would stand in for the real one under
# `deno task`, and keep signals to itself.
setup_deno() {
  deno=$root/.tools/deno-$deno_version/deno
  [ -x "$deno" ] && return
  have=$(deno --version 2>/dev/null </dev/null | sed -n '1s/^deno \([0-9.]*\).*/\1/p')
  if fits "${have:-0}" "$deno_version"; then
    deno=$(command -v deno)
    return
  fi
  say "fetching deno $deno_version from npm into .tools/"
  fetch_package deno "$deno_version"
  for program in "$aside"/node_modules/@deno/*/deno; do
    keep_program "$program" "$deno_version" "$deno" && return
  done
  say "no program of deno $deno_version runs on this machine"
  exit 1
}

# fetch_package NAME VERSION: installs it into a folder of its own, $aside, with whatever package manager there is
fetch_package() {
  mkdir -p "$root/.tools"
  aside=$(mktemp -d "$root/.tools/$1-XXXXXX")
  trap 'rm -rf "$aside"' EXIT
  printf '{"private":true,"dependencies":{"%s":"%s"}}\n' "$1" "$2" >"$aside/package.json"
  if command -v npm >/dev/null 2>&1; then
    (cd "$aside" && npm install --no-audit --no-fund --no-update-notifier --no-package-lock --ignore-scripts --loglevel=error >&2 </dev/null)
  elif command -v bun >/dev/null 2>&1; then
    (cd "$aside" && bun install --ignore-scripts >&2 </dev/null)
  else
    say "neither bun nor npm is installed: install one of them (https://bun.sh or https://nodejs.org)"
    exit 1
  fi || {
    say "could not fetch $1 $2 from npm"
    exit 1
  }
}

# keep_program PROGRAM VERSION TO: moves it there, if it runs here and is that version, and clears up
keep_program() {
  [ -f "$1" ] || return 1
  chmod +x "$1"
  "$1" --version 2>/dev/null </dev/null | grep -qF "$2" || return 1
  mkdir -p "$(dirname "$3")"
  mv -f "$1" "$3"
  rm -rf "$aside"
  trap - EXIT
}

setup_dependencies() {
  kept=$root/node_modules/.askonce-${1:-run}
  # What was installed for development serves a run as well.
  for stamp in "$kept" "$root/node_modules/.askonce-dev"; do
    if cat "$root/package.json" "$root/bun.lock" | cmp -s - "$stamp"; then return; fi
  done
  say "installing dependencies"
  production="--production --omit=peer"
  [ "${1:-}" = dev ] && production=
  # Their install scripts are not needed, and a stamp of an older state must not outlive it.
  rm -f "$root"/node_modules/.askonce-*
  (cd "$root" && "$bun" install --frozen-lockfile --ignore-scripts $production >&2 </dev/null) || {
    say "could not install the dependencies"
    exit 1
  }
  cat "$root/package.json" "$root/bun.lock" >"$kept"
}
