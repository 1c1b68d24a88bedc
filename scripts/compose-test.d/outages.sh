# What voters are told through the gateway while Redis is away, and while nobody answers.
# shellcheck shell=bash disable=SC2154

step "outages"
# By a voter whose row is there: Redis may take what it was sent while it was paused, and no row is added by that.
ballot() { # CODE WORDS: sends a ballot as a browser does; the page has these words, and says when to come back
  local code
  code=$(curl -sS --max-time 15 -o "$dir/page" -D "$dir/head" -w '%{http_code}' -H 'accept: text/html' \
    -d 'voter=somebody&choice=cats' "http://$(address gateway 8080)/vote")
  if [ "$code" = "$1" ] && grep -qF "$2" "$dir/page" && { [ "$1" = 202 ] || grep -qi '^retry-after: 2' "$dir/head"; }; then
    return 0
  fi
  echo "$code: $(cat "$dir/head" "$dir/page")"
  return 1
}
# No page of the gateway's has it.
style='href="/static/'
none_ready() { ! compose exec -T gateway wget -q -O /dev/null http://127.0.0.1:8404/ready 2>/dev/null; }
named() { grep -qi '^x-request-id: ' "$dir/head"; }
results() { [ "$(curl -sS --max-time 15 -o /dev/null -w '%{http_code}' "http://$(address gateway 8080)/results")" = 200 ]; }
ballot_quietly() { ballot "$@" >/dev/null 2>&1; }

containers redis | xargs docker pause >/dev/null
eventually 30 "Redis is paused, and the gateway has no vote app that is ready" none_ready
check "a vote is answered by a vote app's own page" ballot 503 "$style"
check "which has the request's id" named
check "the results are there" results
containers vote-app | xargs docker pause >/dev/null
eventually 30 "vote apps are paused as well, and the gateway has a page of its own" \
  ballot_quietly 503 'Surat suara sedang tidak dapat dibuka'
containers vote-app | xargs docker unpause >/dev/null
containers redis | xargs docker unpause >/dev/null
eventually 60 "votes are taken again" ballot_quietly 202 "$style"
