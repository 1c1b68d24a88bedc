# What a guardian takes while it waits, and how fast it undoes what a killed runner leaves behind.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
cargo build --release --locked -p voteops --bin voteops

step "the guardian"
table python3 scripts/bench.d/guardian.py "$voteops" "$dir/guardian"
