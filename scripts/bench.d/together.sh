# The highest rate at which the queue stays flat, end to end, and how long a vote then takes.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
services

step "end to end"
table python3 scripts/bench.d/together.py "$voteops" "$target/release/vote-app" \
  "$target/release/worker" "${short[@]}"
