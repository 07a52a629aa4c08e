#!/usr/bin/env bash
# Runs every fuzzer of a folder for some seconds each. Use: run-fuzz.sh FOLDER SECONDS
set -u
bad=0
for f in "$1"/fuzz_*; do
  [ -x "$f" ] || continue
  work=$(mktemp -d)
  if "$f" -max_total_time="$2" -max_len=65536 -rss_limit_mb=2048 -artifact_prefix="$work/" "$work" >"$work.log" 2>&1; then
    echo "ok    $(basename "$f"): $(sed -n 's/^stat::number_of_executed_units: *//p; s/^Done \([0-9]*\) runs.*/\1 runs/p' "$work.log" | tail -1)"
  else
    echo "FAIL  $(basename "$f"): $(ls "$work" | grep -E '^(crash|oom|timeout|leak)' | head -1)"; tail -25 "$work.log"; bad=1
  fi
  rm -rf "$work" "$work.log"
done
exit $bad
