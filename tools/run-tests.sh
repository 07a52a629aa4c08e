#!/usr/bin/env bash
# Runs each test given and prints its seconds; test programs (cmocka) and shell tests alike.
# A shell test exits 77 to skip, and says why. Use: run-tests.sh BUILD_FOLDER TEST...
set -u
export BUILD=$1; shift
passed=0 failed=0 skipped=0
log=$(mktemp); trap 'rm -f "$log"' EXIT
for t in "$@"; do
  t0=$(date +%s.%N)
  timeout "${TEST_TIMEOUT_S:-900}" "$t" >"$log" 2>&1 </dev/null; rc=$?
  s=$(echo "$(date +%s.%N) - $t0" | awk '{printf "%.1f", $1 - $3}')
  n=$(grep -c '^\[       OK \]' "$log"); k=$(grep -c '^\[  SKIPPED \]' "$log")
  [ "$n" -eq 0 ] && [ "$k" -eq 0 ] && n=1
  if [ $rc -eq 0 ]; then
    passed=$((passed + n)); skipped=$((skipped + k))
    printf 'ok    %6ss  %3d  %s\n' "$s" "$n" "$t"
    grep -h '^SKIP' "$log"
  elif [ $rc -eq 77 ]; then
    skipped=$((skipped + 1)); printf 'SKIP  %6ss       %s: %s\n' "$s" "$t" "$(tail -1 "$log")"
  else
    failed=$((failed + 1)); printf 'FAIL  %6ss       %s (exit %d)\n' "$s" "$t" "$rc"
    tail -40 "$log" | sed 's/^/      /'
  fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
