# How fast workers take a full queue into the ledger, beside what bounds it.
# shellcheck shell=bash disable=SC2034,SC2154

step "programs"
cargo build --release --locked -p voteops-worker --bin worker --example drain_bench

step "the drain"
python3 scripts/bench.d/drain.py "$target/release/examples/drain_bench" "$target/release/worker" ||
  missed=1
