# What the flood costs and how fast it is, beside oha and wrk at the same server.
# shellcheck shell=bash disable=SC2034,SC2154

OHA_VERSION=1.16.0

step "programs"
cargo build --release --locked -p voteops -p voteops-chaos --bin voteops --example load_bench
rival oha "$OHA_VERSION"
needs_wrk

step "the flood"
table python3 scripts/bench.d/load.py "$voteops" "$target/release/examples/load_bench" "$tools/bin/oha" \
  wrk
