# How many votes a vote app takes, beside the same server with votes that cost nothing.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
services
needs_wrk

step "votes taken"
table python3 scripts/bench.d/accept.py "$target/release/vote-app" \
  "$target/release/examples/noop_server" "$target/release/examples/naive_server" "${short[@]}"
