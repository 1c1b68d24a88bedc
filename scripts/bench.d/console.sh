# How fast the console is and what it costs, beside grafatui at the same Prometheus.
# shellcheck shell=bash disable=SC2034,SC2154

GRAFATUI_VERSION=0.1.18
USAGE_S=30
STARTS=20
KEYS=200

console=$target/release/voteops-tui
grafatui=$tools/bin/grafatui
nobody=http://127.0.0.1:1

measure() { python3 scripts/measure.py "$@"; }

rows=()
row() { # FIGURE UNIT OURS RIVAL MOST: MOST is a bound on ours, or on the ratio when it is "ratio"
  local figure=$1 unit=$2 ours=$3 rival=$4 most=$5 told value
  if [ "$most" = ratio ]; then
    value=$(awk -v a="$ours" -v b="$rival" 'BEGIN { printf "%.2f", a / b }')
    most=1.00 told="ratio $value"
  else
    value=$ours told="at most $most $unit"
  fi
  if awk -v value="$value" -v most="$most" 'BEGIN { exit value <= most }'; then
    told+=", missed"
    missed=1
  fi
  rows+=("$(printf '%-54s %10s %10s  %s' "$figure" "$ours $unit" "$rival${rival:+ $unit}" "$told")")
}

step "programs"
cargo build --release --locked
rival grafatui "$GRAFATUI_VERSION"

step "frames and updates"
rm -rf "$target/criterion"
cargo bench --locked -p voteops-console --bench console
while read -r figure took_ms; do
  most=2
  case $figure in two_keys*) most=4 ;; esac # two frames
  row "${figure//_/ }" ms "$took_ms" "" "$most"
done < <(python3 - "$target/criterion" <<'PYTHON'
import json, pathlib, sys
for file in sorted(pathlib.Path(sys.argv[1]).rglob("new/estimates.json")):
    bench = json.loads(file.with_name("benchmark.json").read_text())
    name = bench["full_id"].replace(" ", "_")
    print(name, f"{json.loads(file.read_text())['median']['point_estimate'] / 1e6:.3f}")
PYTHON
)

step "the same stack"
"$voteops" up --detach --data-dir "$dir/stack" --port-base $((20000 + RANDOM % 20000))
prometheus=$("$voteops" status --json --data-dir "$dir/stack" | python3 -c '
import json, sys
backends = json.load(sys.stdin)["backends"]
print(next(b["url"] for b in backends if b["name"] == "prometheus"))')
# Eight of the console's own signals, as the rival can show them.
python3 - >"$dir/dashboard.json" <<'PYTHON'
import json, tomllib
with open("observability/src/signals.toml", "rb") as file:
    signals = tomllib.load(file)["signal"][:8]
panels = [
    {
        "type": "timeseries",
        "title": signal["title"],
        "gridPos": {"x": at % 2 * 12, "y": at // 2 * 4, "w": 12, "h": 4},
        "targets": [{"expr": signal["expr"]}],
    }
    for at, signal in enumerate(signals)
]
print(json.dumps({"title": "voteops", "panels": panels}))
PYTHON

step "$USAGE_S s of the overview and of eight panels, side by side"
measure usage "$USAGE_S" "$console" --refresh 1s --data-dir "$dir/stack" >"$dir/ours" &
ours=$!
measure usage "$USAGE_S" "$grafatui" --prometheus-url "$prometheus" --grafana-json "$dir/dashboard.json" \
  --refresh-rate 1000 --range 10m --step 5s >"$dir/rival"
wait "$ours"
read -r our_cpu_ms our_peak_mib <"$dir/ours"
read -r rival_cpu_ms rival_peak_mib <"$dir/rival"
row "CPU in $USAGE_S s at a refresh of 1 s" ms "$our_cpu_ms" "$rival_cpu_ms" ratio
row "peak RSS" MiB "$our_peak_mib" "$rival_peak_mib" 20

step "starts with backends away"
ours_ms=$(measure start "$STARTS" "$console" --prometheus "$nobody" --alertmanager "$nobody")
rival_ms=$(measure start "$STARTS" "$grafatui" --prometheus-url "$nobody" \
  --grafana-json "$dir/dashboard.json")
row "start to first frame, backends away" ms "$ours_ms" "$rival_ms" 50

step "keys while every backend hangs"
read -r median_ms p99_ms < <(measure keys "$KEYS" "$console" --prometheus HANGING \
  --alertmanager HANGING --loki HANGING)
row "key to frame, backends hang: median" ms "$median_ms" "" 16
row "key to frame, backends hang: p99" ms "$p99_ms" "" 16

step "the console"
told() {
  printf '%-54s %10s %10s  %s\n' "200x50, $(nproc) cores" voteops "grafatui" "bound"
  printf '%s\n' "${rows[@]}"
}
table told
