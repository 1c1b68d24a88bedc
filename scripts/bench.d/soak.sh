# Whether a vote app and a worker take more memory the longer they work.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
services

step "a soak"
table python3 scripts/bench.d/soak.py "$voteops" "$target/release/vote-app" \
  "$target/release/worker" "${short[@]}"
