# Alerts are proven on containers, and faults are injected inside of them.
# shellcheck shell=bash disable=SC2154,SC2034

step "proofs"
proves() { # ALERT FAULT
  local said count
  said=$("$voteops" chaos verify "$1" --fault "$2" --json 2>"$dir/verify.log") || true
  # What it has cast itself is to be found again, too.
  count=$(sed -n 's/^ *"accepted": *\([0-9]*\).*/\1/p' <<<"$said" | head -n 1)
  accepted=$((accepted + ${count:-0}))
  grep -q '"verdict": *"proven"' <<<"$said" && return
  tail -n 15 "$dir/verify.log"
  grep '"reason"' <<<"$said"
  return 1
}
# A machine that is busy with other things may be late by itself.
proves_in_time() {
  local try
  for try in 1 2 3; do
    if proves "$@"; then return 0; fi
    echo "refuted in try $try"
  done
  return 1
}
check "voteops chaos verify proves WorkerDown by pausing the containers" proves_in_time WorkerDown stall-worker
eventually 30 "they run again" is worker '3 running'
eventually 60 "all votes are recorded" recorded
check "and the backlog of the queue" proves_in_time CriticalVoteQueueBacklog stall-worker
eventually 60 "all votes are recorded" recorded

step "faults inside of containers"
refused_when_off() {
  local said
  said=$("$voteops" chaos fail-votes --for 1s 2>&1) && return 1
  [[ $said == *"its admin listener is off; VOTEOPS_ADMIN_LISTEN="* ]] || { echo "$said" && return 1; }
}
check "are refused while the admin listeners are off, and it is said how to put them on" refused_when_off
export VOTEOPS_ADMIN_LISTEN=127.0.0.1:8090
check "docker compose up puts them on" up --scale worker=3 --scale vote-app=3
eventually 60 "all are healthy" healthy 13
# It is what is in force after a runner was killed, not what was answered, that tells whether a lease ends.
in_force() { [ "$(asked 'count(voteops_fault_active{fault="slow-worker"} == 1) or vector(0)' 2>/dev/null)" = "$1" ]; }
"$voteops" chaos slow-worker --for 5m >"$dir/slow.log" 2>&1 &
runner=$!
disown "$runner"
eventually 60 "workers are slow, and their metric tells it" in_force 3
kill -KILL "$runner"
runner=
eventually 60 "the runner is killed, and its guardian ends it" in_force 0
filled() {
  local said
  said=$("$voteops" chaos fill-redis --to 40% --for 1s 2>&1) || true
  [[ $said == *"fill-redis on "*"the fault is undone"* ]] || { echo "$said" && return 1; }
}
check "Redis is filled, and emptied again" filled
queue_is_empty() { [ "$(queue)" = 0 ]; }
if [ -n "$every" ]; then
  compose --profile voters up --detach --no-build --scale worker=3 --scale vote-app=3 >/dev/null 2>&1
  proves_all() { # tries again what is refuted: a busy machine may be late by itself
    local alert fault
    "$voteops" chaos verify --all >"$dir/all.log" 2>&1 && tail -n 20 "$dir/all.log" && return
    cat "$dir/all.log"
    while read -r alert fault; do
      proves_in_time "$alert" "$fault" || return 1
    done < <(sed -n 's/^\([A-Z][A-Za-z]*\)  *\([a-z]*-[a-z]*\) .*✖ REFUTED$/\1 \2/p' "$dir/all.log") && grep -q ' alerts are proven$' "$dir/all.log" &&
      ! grep -qE '(ABORTED|NOT RUN)$' "$dir/all.log"
  }
  check "voteops chaos verify --all proves every alert" proves_all
  compose --profile voters stop voters >/dev/null 2>&1
  eventually 60 "nothing waits in the queue" queue_is_empty
  accepted=$(rows)
else
  check "voteops chaos verify proves VoteAppHighErrorRate by asking from inside" proves_in_time VoteAppHighErrorRate fail-votes
  eventually 60 "all votes are recorded" recorded
fi
if [ -n "$spoil" ]; then
  . scripts/compose-test.d/spoiled.sh
fi
