# How fast workers take a full queue into the ledger, beside what bounds it.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
services

step "the drain"
table python3 scripts/bench.d/drain.py "$target/release/examples/drain_bench" "$target/release/worker"
