#!/bin/sh
# The featurizer as a service of a Compose run: makes sessions when the folder is empty, hears what is new,
# then serves until the run has written its policy.
set -eu
run=/data/.bandsaw/runs/compose
mkdir -p "$run"
if ! find /data -maxdepth 1 -name '*.wav' -o -maxdepth 1 -name '*.flac' -o -maxdepth 1 -name '*.mp3' -o -maxdepth 1 -name '*.ogg' | grep -q .; then
  bandsaw simulate --songs "${SONGS:-8}" --seed 1 --out /data
fi
bandsaw featurize /data
bandsaw serve /data --rendezvous "$run/featurizer.rendezvous" --bind 0.0.0.0 --keys /keys &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server"; exit 0' TERM INT
while [ ! -e "$run/policy.safetensors" ]; do
  kill -0 "$server" || { wait "$server"; exit $?; }
  sleep 1
done
kill "$server"
wait "$server" || true
