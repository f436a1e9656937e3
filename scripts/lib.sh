# Shared by the scripts beside it: what is being done, how long it took, what to install when it cannot be done.
# shellcheck shell=bash
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools="$top/target/tools"
export PATH="$tools/bin:$tools/node_modules/.bin:$PATH"
# It would replace the flags of .cargo/config.toml, on which both halves of the portal must agree.
unset RUSTFLAGS
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
mkdir -p "$tools"

say() { printf '== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# step "what it does" "how long it takes" command...   Prints both, runs it, prints the time; the log stays quiet.
step() {
  local what=$1 long=$2 log started
  shift 2
  log=$(mktemp)
  started=$SECONDS
  say "$what (about $long)"
  if ! "$@" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    rm -f "$log"
    fail "$what: failed; what it printed is above"
  fi
  rm -f "$log"
  say "   done in $((SECONDS - started)) s"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# apt_install PACKAGE...   Asks nothing. Without the right to install it says what to install and stops.
apt_install() {
  have apt-get || fail "please install: $* (this machine has no apt-get)"
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    fail "please run: sudo apt-get install $*"
  fi
  step "refresh the package lists" "10 s" as_root apt-get update
  step "install $*" "1 min" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# venv NAME PACKAGE==VERSION...   A Python environment in target/tools/NAME that holds these packages, installed once.
venv() {
  local name=$1 package missing=
  shift
  [ -x "$tools/$name/bin/python" ] || { have python3 && python3 -c 'import ensurepip' 2>/dev/null; } || apt_install python3 python3-venv
  for package; do
    "$tools/$name/bin/pip" freeze 2>/dev/null | sed 's/_/-/g' | grep -ixF "$package" >/dev/null || missing=1
  done
  [ -n "$missing" ] || return 0
  [ -x "$tools/$name/bin/python" ] || python3 -m venv "$tools/$name"
  step "install $*, once" "1 min" "$tools/$name/bin/pip" install --quiet --disable-pip-version-check "$@"
}
