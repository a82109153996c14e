#!/bin/sh
# Installs the askonce executable, without root: picks the file for this machine, checks its sum, puts it into
# ~/.local/bin by rename. A POSIX sh, curl or wget (for a URL), gunzip and a SHA-256 tool are all it needs.
#
#   sh install.sh [--to FOLDER] [--release FOLDER|URL]
#   ASKONCE_RELEASE=FOLDER|URL   the same as --release: where SHA256SUMS and the executables are
set -eu

# scripts/release puts the address here.
default_release=''

say() { printf 'askonce: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# All is in a function that the last line calls, so that a download cut short installs nothing.
main() {
  to=${HOME:-}/.local/bin
  [ -n "${HOME:-}" ] || to=
  release=${ASKONCE_RELEASE:-}
  while [ $# -gt 0 ]; do
    case $1 in
    --to=*) to=${1#*=} ;;
    --release=*) release=${1#*=} ;;
    --to | --release)
      [ $# -gt 1 ] || usage "$1 has no value"
      if [ "$1" = --to ]; then to=$2; else release=$2; fi
      shift
      ;;
    -h | --help)
      printf 'Usage: sh install.sh [--to FOLDER] [--release FOLDER|URL]\n'
      return
      ;;
    *) usage "there is no flag $1" ;;
    esac
    shift
  done
  [ -n "$to" ] || fail "HOME is not set: say where to install with --to FOLDER"
  case $to in
  /*) ;;
  *) to=$PWD/$to ;;
  esac
  [ -n "$release" ] || release=$(release_beside)
  [ -n "$release" ] || fail "say where the release is: --release FOLDER or URL, or ASKONCE_RELEASE"
  release=${release%/}

  platform=$(platform_of_machine)
  file=askonce-$platform.gz
  aside=$(mktemp -d)
  trap 'rm -rf "$aside"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  fetch SHA256SUMS
  wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)  $file\$/\1/p" "$aside/SHA256SUMS")
  [ -n "$wanted" ] || fail "the release at $release has no $file"
  fetch "$file"
  got=$(sum_of "$aside/$file")
  [ "$got" = "$wanted" ] || fail "$file is damaged, nothing was installed: its SHA-256 is $got, SHA256SUMS says $wanted"
  gunzip -c "$aside/$file" >"$aside/askonce" || fail "$file could not be unpacked"
  chmod 755 "$aside/askonce"
  # Where Bun's signature does not cover the program, macOS ends it at once; its own tool puts one in.
  case $platform in
  darwin-*) codesign --verify "$aside/askonce" 2>/dev/null || codesign --force --sign - "$aside/askonce" || true ;;
  esac
  version=$("$aside/askonce" --version) || refused
  install_to "$to"
  say "installed $version as $to/askonce"
  report_path "$to"
  say "to take it away again: rm $(quoted "$to/askonce") (what it keeps is in the folder that askonce config --json names as data)"
}

usage() {
  say "$1; usage: sh install.sh [--to FOLDER] [--release FOLDER|URL]"
  exit 2
}

# The folder of this script, if it is one of a release; else what was put in above.
release_beside() {
  folder=$(dirname -- "$0")
  if [ -f "$0" ] && [ -f "$folder/SHA256SUMS" ]; then
    (CDPATH='' cd -- "$folder" && pwd -P)
  else
    printf '%s' "$default_release"
  fi
}

platform_of_machine() {
  machine=$(uname -m)
  case $(uname -s) in
  Linux) system=linux ;;
  Darwin)
    system=darwin
    # A shell that Rosetta translates says x86_64 on Apple silicon.
    if [ "$(sysctl -n hw.optional.arm64 2>/dev/null || true)" = 1 ]; then machine=arm64; fi
    ;;
  MINGW* | MSYS* | CYGWIN* | Windows*) fail "on Windows take askonce-windows-x64.exe from the release: it runs as it is" ;;
  *) fail "there is no executable for $(uname -s): npm install -g askonce, or a checkout, may work" ;;
  esac
  case $machine in
  x86_64 | amd64) machine=x64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) fail "there is no executable for the processor $machine: there are x64 and arm64" ;;
  esac
  # One file serves every x64 processor with SSE4.2; it looks for AVX2 itself.
  if [ "$system-$machine" = linux-x64 ] && [ -r /proc/cpuinfo ] && ! grep -qw sse4_2 /proc/cpuinfo; then
    fail "this processor has no SSE4.2, which the executable needs"
  fi
  case $system in
  linux) printf '%s-%s%s' "$system" "$machine" "$(musl_here)" ;;
  *) printf '%s-%s' "$system" "$machine" ;;
  esac
}

# "-musl" where the C library is musl. Its loader alone proves nothing: a glibc system may have it beside its own.
musl_here() {
  if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then return; fi
  for loader in /lib/ld-musl-*.so.1; do
    if [ -e "$loader" ]; then printf '%s' -musl; fi
  done
}

fetch() {
  case $release in
  http://* | https://*)
    if have curl; then
      curl -fsSL --retry 2 -o "$aside/$1" "$release/$1" || fail "could not fetch $release/$1"
    elif have wget; then
      wget -q -t 2 -O "$aside/$1" "$release/$1" || fail "could not fetch $release/$1"
    else
      fail "neither curl nor wget is installed"
    fi
    ;;
  *) cp -- "${release#file://}/$1" "$aside/$1" || fail "there is no $1 in $release" ;;
  esac
}

sum_of() {
  if have sha256sum; then
    sum=$(sha256sum "$1")
  elif have shasum; then
    sum=$(shasum -a 256 "$1")
  elif have openssl; then
    sum=$(openssl dgst -sha256 -r "$1")
  else
    fail "none of sha256sum, shasum and openssl is installed: the sum cannot be checked"
  fi
  printf '%s' "${sum%% *}"
}

refused() {
  case $platform in
  *-musl) fail "the executable does not start; it needs libstdc++ (apk add libstdc++). Nothing was installed" ;;
  *) fail "the executable does not start on this machine. Nothing was installed" ;;
  esac
}

# By rename within the folder: a running askonce keeps the file it was started from, and nobody sees half of one.
install_to() {
  mkdir -p -- "$1" || fail "the folder $1 cannot be made: choose another with --to"
  [ ! -d "$1/askonce" ] || fail "$1/askonce is a folder: choose another place with --to"
  new=$1/.askonce-new-$$
  trap 'rm -rf "$aside"; rm -f -- "$new"' EXIT
  if ! { cp -- "$aside/askonce" "$new" && chmod 755 "$new" && mv -f -- "$new" "$1/askonce"; }; then
    fail "cannot write to $1: choose another folder with --to"
  fi
}

report_path() {
  case :${PATH:-}: in
  *":$1:"*)
    first=$(command -v askonce || true)
    [ "$first" = "$1/askonce" ] || say "note: \"askonce\" starts $first, which comes first on PATH"
    ;;
  *) say "$1 is not on PATH: add it with  export PATH=\"$1:\$PATH\"  in your shell's profile" ;;
  esac
}

quoted() {
  case $1 in
  *[!A-Za-z0-9/._-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
  *) printf '%s' "$1" ;;
  esac
}

main "$@"
