# Sourced by the training tests: a small data set, and processes that are killed when the test ends.
# Everything happens in $dir; $B is where the programs are.
set -u
B=$(cd "${BUILD:-build}" && pwd)/bin
dir=$(mktemp -d)
pids=()
finish() {
  for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$dir"
}
trap finish EXIT
cd "$dir" || exit 1
export BANDSAW_CACHE=$dir/cache

say_why() { # what each program said last
  for f in *.log; do echo "--- $f"; tail -8 "$f"; done
}
give_up() { echo "FAIL: $*"; say_why; exit 1; }

make_data() { # SONGS
  "$B/bandsaw-simulator" simulate --songs "$1" --seed 3 --length 30 --out data >make.log 2>&1 || give_up "no sessions"
  "$B/bandsaw-featurizer" featurize data >>make.log 2>&1 || give_up "no songs"
  "$B/bandsaw-featurizer" serve data --rendezvous "$dir/featurizer.rendezvous" >featurizer.log 2>&1 &
  pids+=($!)
}

# start_learner RUN OPTIONS...: its pid in $learner
start_learner() {
  local run=$1; shift
  "$B/bandsaw-learner" --data data --run "$dir/$run" --featurizer "$dir/featurizer.rendezvous" --model tiny \
    --resume "$@" >>"$run.learner.log" 2>&1 &
  learner=$!
  pids+=("$learner")
}
# start_actor RUN NAME: its pid in $actor
start_actor() {
  "$B/bandsaw-actor" --rendezvous "$dir/$1/rendezvous" --name "$2" >>"$1.$2.log" 2>&1 &
  actor=$!
  pids+=("$actor")
}

updates_of() { sed -n 's/.*"update": *\([0-9]*\).*/\1/p' "$1/status.json" 2>/dev/null; }
wait_for_update() { # RUN UPDATE
  for _ in $(seq 1500); do
    local u; u=$(updates_of "$1")
    [ "${u:-0}" -ge "$2" ] && return 0
    sleep 0.02
  done
  give_up "$1 did not reach update $2 (is at $(updates_of "$1"))"
}
wait_for_end() { # PID WHAT: exits 0 within 40 s
  for _ in $(seq 800); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.05
  done
  kill -0 "$1" 2>/dev/null && give_up "$2 does not end"
  wait "$1" || give_up "$2 exits with $?"
}

# Both identities, at every flush of the run.
check_flushes() { # RUN
  awk '
    function v(key,   m) { return match($0, "\"" key "\":[-0-9.e+]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : -1e9 }
    /"tickets\/issued"/ {
      n++
      t = v("tickets/trained") + v("tickets/evaluated") + v("tickets/buffered") + v("tickets/outstanding") + v("tickets/stale") + v("tickets/failed") + v("tickets/cancelled")
      r = v("results/accepted") + v("results/duplicate") + v("results/invalid") + v("results/refused_stale") + v("results/rollback") + v("results/in_check")
      if (v("tickets/issued") != t) { print "line " NR ": issued " v("tickets/issued") " is not " t; bad = 1 }
      if (v("results/received") != r) { print "line " NR ": received " v("results/received") " is not " r; bad = 1 }
    }
    END { if (n == 0) { print "no flush"; bad = 1 } exit bad }' "$1/metrics.jsonl" || give_up "an identity does not close"
}

# Both identities, from /metrics. A scrape may fall between two of the learner's writes: one of 20 must close.
check_metrics() { # RUN
  local port; port=$(sed -n 's/.*"metrics_port": *\([0-9]*\).*/\1/p' "$1/status.json")
  for _ in $(seq 20); do
    scrape "$port" >scrape.txt || give_up "no /metrics on port $port"
    awk '
      /^#/ { next }
      { v[$1] = $2; if ($1 ~ /^bandsaw_tickets(_total)?\{/) t += $2; if ($1 ~ /^bandsaw_results_refused_total/) r += $2 }
      END {
        r += v["bandsaw_results_accepted_total"] + v["bandsaw_results_in_check"]
        exit !(v["bandsaw_tickets_issued_total"] > 0 && v["bandsaw_tickets_issued_total"] == t && v["bandsaw_results_received_total"] == r)
      }' scrape.txt && return 0
    sleep 0.05
  done
  cat scrape.txt
  give_up "an identity does not close in /metrics"
}
scrape() { # PORT: /metrics, without curl
  exec 9<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n' >&9
  timeout 3 sed '1,/^\r*$/d; s/\r$//; s/\({[^}]*}\)/\1/' <&9
  local rc=$?
  exec 9<&- 9>&-
  return $rc
}
