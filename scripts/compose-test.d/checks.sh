# What a check is, and how many have passed.
# shellcheck shell=bash disable=SC2034

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

passed=0
failed=0
pass() {
  passed=$((passed + 1))
  echo "ok: $1"
}
fail() {
  failed=$((failed + 1))
  echo "FAILED: $1"
}
# Whether a command succeeds now, and before a deadline.
check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then pass "$what"; else fail "$what"; fi
}
eventually() { # SECONDS WHAT COMMAND...
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      fail "$what, within its deadline"
      return 0
    fi
    sleep 0.3
  done
  pass "$what"
}
