# What is asked of the stack, and voting.
# shellcheck shell=bash disable=SC2154

containers() { docker ps --quiet --filter "label=com.docker.compose.service=$1"; }
state() { containers "$1" | xargs docker inspect --format '{{.State.Status}}' | sort | uniq -c | tr -s ' \n' ' '; }
is() { [ "$(state "$1")" = " $2 " ]; } # SERVICE "COUNT STATE"
healthy() { # COUNT: so many containers run, and all are healthy
  local told
  told=$(docker ps --quiet | xargs docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' | sort | uniq -c)
  [ "$(tr -s ' ' <<<"$told")" = " $1 running healthy" ]
}
address() { compose port "$1" "$2"; }
asked() { # PROMQL: the only value of the answer
  curl -fsS --max-time 5 --get "http://$(address prometheus 9090)/api/v1/query" --data-urlencode "query=$1" |
    sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\]}\]}}$/\1/p'
}
answers() { [ "$(asked "$1" 2>/dev/null)" = "$2" ]; } # PROMQL VALUE
queue() {
  # shellcheck disable=SC2016  # the container's shell reads the file
  compose exec -T redis sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli xlen votes' | tr -d '\r'
}
queue_over() { [ "$(queue)" -gt "$1" ]; }
rows() { compose exec -T postgres psql --username voteops --dbname votes -tAc 'SELECT count(*) FROM votes' | tr -d '\r'; }
accepted=0
recorded() { [ "$(rows)" = "$accepted" ] && [ "$(queue)" = 0 ]; }
cast() { # RATE: through the gateway for five seconds; adds what was accepted
  local said count
  said=$("$voteops" chaos flood --url "http://$(address gateway 8080)" --rate "$1" --for 5s --data-dir "$dir/data-of-voteops" --json) ||
    true
  count=$(sed -n 's/^ *"accepted": *\([0-9]*\).*/\1/p' <<<"$said" | head -n 1)
  [ -n "$count" ] || { echo "the flood said: $said" >&2 && return 1; }
  accepted=$((accepted + count))
  echo "$count votes were accepted, $accepted in all"
}
