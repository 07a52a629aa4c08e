#!/bin/sh
# The featurizer as a service of a Compose run: makes sessions when the folder is empty, hears what is new,
# then serves Songs until the learner says in its rendezvous that the run is over.
# usage: featurizer.sh RUN-FOLDER SESSIONS
set -eu
run=$1 sessions=$2
mkdir -p "$run" || { echo "featurizer: uid $(id -u) must be able to write to .bandsaw in the data folder" >&2; exit 1; }
[ -n "$(ls /data)" ] || bandsaw simulate --songs "$sessions" --out /data
bandsaw featurize /data || echo "featurizer: going on without the recordings that could not be heard" >&2

bandsaw serve /data --rendezvous "$run/featurizer.rendezvous" --bind 0.0.0.0 --keys /keys \
  --metrics-bind 0.0.0.0 --metrics-port 17081 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server"; exit 0' TERM INT
over=0
while [ "$over" -lt 5 ]; do # a learner that starts again takes the word back within this time
  kill -0 "$server" 2>/dev/null || { wait "$server"; exit $?; }
  if grep -qs '^state ended' "$run/rendezvous"; then over=$((over + 1)); else over=0; fi
  sleep 1
done
kill "$server"
wait "$server"
