# How long /metrics takes, and whether what users send makes it grow.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
services

step "scrapes"
table python3 scripts/bench.d/scrape.py "$voteops" "$target/release/vote-app" \
  "$target/release/worker" "${short[@]}"
