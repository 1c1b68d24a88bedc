# What votes cost, and whether that grows with the queue or the ledger.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
services

step "costs"
table python3 scripts/bench.d/cost.py "$voteops" "$target/release/vote-app" \
  "$target/release/worker" "${short[@]}"
