# Proofs that something spoils: each is refuted, names what it was, and leaves nobody paused.
# shellcheck shell=bash disable=SC2154,SC2034

step "proofs that are spoiled"
nothing() { :; }
signal() { containers "$2" | xargs docker kill --signal "$1" >/dev/null; } # SIGNAL SERVICE
spoiled() { # WORDS ALERT SPOIL MEND: spoiled while the workers are paused
  local try verify count
  for try in 1 2 3; do
    "$voteops" chaos verify "$2" --fault stall-worker --json >"$dir/spoiled.json" 2>"$dir/spoiled.log" &
    verify=$!
    until is worker '3 paused'; do
      kill -0 "$verify" 2>/dev/null || break
      sleep 0.1
    done
    "$3"
    wait "$verify" || true
    "$4"
    count=$(sed -n 's/^ *"accepted": *\([0-9]*\).*/\1/p' "$dir/spoiled.json" | head -n 1)
    accepted=$((accepted + ${count:-0}))
    grep '"reason"' "$dir/spoiled.json" | sed 's/^ */  /'
    if grep '"reason"' "$dir/spoiled.json" | grep -q -- "$1" && is worker '3 running'; then return 0; fi
    echo "otherwise in try $try"
  done
  tail -n 15 "$dir/spoiled.log"
  return 1
}

stops_exporter() { containers redis-exporter | xargs docker pause >/dev/null; }
starts_exporter() { containers redis-exporter | xargs docker unpause >/dev/null; }
check "a stopped exporter is named" spoiled 'pending: not seen' CriticalVoteQueueBacklog stops_exporter starts_exporter
eventually 60 "it is scraped again" answers 'count(up{job="redis"} == 1)' 1

stops_alertmanager() { containers alertmanager | xargs docker pause >/dev/null; }
starts_alertmanager() { containers alertmanager | xargs docker unpause >/dev/null; }
check "an Alertmanager that hangs is named" spoiled 'notified: not seen' WorkerDown stops_alertmanager starts_alertmanager
stops_receiver() { containers receiver | xargs docker pause >/dev/null; }
starts_receiver() { containers receiver | xargs docker unpause >/dev/null; }
check "a receiver that hangs is named" spoiled 'api/v1/notifications did not answer' WorkerDown stops_receiver starts_receiver
eventually 60 "nothing fires any more" answers '(count(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0))' 0

rule=$dir/scaled/rules/worker.yml
cp "$rule" "$dir/worker.yml"
edited() { # SCRIPT: the rule file as sed makes it of the one that was there at first
  sed "$1" "$dir/worker.yml" >"$rule"
  signal HUP prometheus
}
raises() { edited 's/> 1000$/> 1000000/'; }
check "a threshold that is raised meanwhile refutes" spoiled 'pending: not seen' CriticalVoteQueueBacklog raises nothing
says() { # WORDS ALERT: a proof that is refused says so
  local said
  said=$("$voteops" chaos verify "$2" --json 2>&1) || true
  grep -q -- "$1" <<<"$said"
}
eventually 60 "and is named" says 'rule: .*1000000' CriticalVoteQueueBacklog
edited 's/for: 2s/for: 4s/'
# shellcheck disable=SC2016  # words, not a command
eventually 60 "a for that is doubled is named" says 'its `for` is 4 s, and is shipped as 2 s' WorkerDown
edited ''

eventually 60 "all votes are recorded" recorded
loses() { # by the engine alone, which takes less time than Compose: before the workers go on
  # shellcheck disable=SC2016  # the container's shell reads the file
  timeout 60 docker exec "$(containers redis)" sh -c 'export REDISCLI_AUTH=$(cat /run/secrets/redis_password)
    until [ "$(redis-cli xlen votes)" -gt 40 ]; do sleep 0.1; done
    redis-cli xtrim votes maxlen = 5' >/dev/null
}
check "votes that are lost are counted" spoiled 'accepted votes are not in the ledger' WorkerDown loses nothing
eventually 60 "nothing waits in the queue" queue_is_empty
accepted=$(rows)
