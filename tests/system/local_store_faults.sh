#!/usr/bin/env bash
# Whatever happens to the featurizer or to its folder, what is in the store afterwards is what an undisturbed
# run makes: kill -9 at random points, a full disk, a damaged index, damaged blobs, two processes at once.
set -u
B=$(cd "${BUILD:-build}" && pwd)/bin
kills=${KILLS:-12}
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export TMPDIR=$dir/tmp BANDSAW_CACHE=$dir/cache; mkdir tmp
failed=0
ok() { echo "ok $1"; }
bad() { failed=1; echo "FAILED $1"; shift; [ $# -eq 0 ] || printf '    %s\n' "$@"; }

"$B/bandsaw-simulator" simulate --songs 3 --seed 11 --length 24 --out data >/dev/null 2>&1 || { echo "cannot make sessions"; exit 1; }
store=data/.bandsaw
featurize() { "$B/bandsaw-featurizer" featurize data --workers 2 "$@" 2>>stderr; }

# the names of all whole blobs, then the demonstrations; a blob whose bytes are not its name's is named BAD
contents() {
  find "$1/blobs" -type f -regextype posix-extended -regex '.*/[0-9a-f]{64}' 2>/dev/null | sort | while read -r f; do
    [ "$(b2sum -l 256 <"$f" | cut -d' ' -f1)" = "$(basename "$f")" ] && basename "$f" || echo "BAD $f"
  done
  sort "$1/demos.jsonl" 2>/dev/null
}

# same NAME: the next run makes of the store what an undisturbed run made
same() {
  local before
  before=$(contents $store | grep -c BAD)
  if ! featurize; then bad "$1: the next run" "$(tail -1 stderr)"; return; fi
  [ "$(contents $store)" = "$want" ] && ok "$1" || bad "$1: other contents" "damaged before: $before" "$(contents $store | cut -c1-80)"
}

featurize || { cat stderr; echo "cannot featurize"; exit 1; }
want=$(contents $store)
[ "$(grep -c '"version"' <<<"$want")" -eq 3 ] || bad "an undisturbed run" "$want"
start=$(date +%s%N); featurize; whole_ms=$((($(date +%s%N) - start) / 1000000))
[ "$(contents $store)" = "$want" ] && ok "again: $whole_ms ms for three known recordings" || bad "again"

rm -rf $store; start=$(date +%s%N); featurize; whole_ms=$((($(date +%s%N) - start) / 1000000))
RANDOM=4711
rm -rf $store
for ((k = 0; k < kills; k++)); do
  [ $((k % 4)) -ne 0 ] || rm -rf $store # three kills on one store, then a fresh one
  "$B/bandsaw-featurizer" featurize data --workers $((1 + k % 2)) 2>/dev/null &
  pid=$!
  sleep "$(printf '%d.%03d' $((RANDOM % whole_ms / 1000)) $((RANDOM % whole_ms % 1000)))"
  kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
  contents $store | grep BAD && bad "kill $k left a damaged blob"
  # what an interrupted run has in its index is whole
  if [ -f $store/store.db ] && [ $((k % 4)) -eq 3 ]; then same "killed -9 four times, then whole ($k)"; fi
done

rm -rf $store; mkdir -p $store # a disk with room for a few kilobytes
( ulimit -f 24; "$B/bandsaw-featurizer" featurize data 2>full ); rc=$?
[ $rc -ne 0 ] && [ "$(grep -c '^bandsaw: ' full)" -ge 1 ] || bad "full disk: status $rc" "$(head -3 full)"
contents $store | grep BAD && bad "full disk left a damaged blob"
same "full disk ($(grep -m1 '^bandsaw: ' full | sed "s,$dir/,,g" | cut -c1-90))"
mkdir small
if mount -t tmpfs -o size=256k none small 2>/dev/null; then
  trap 'umount "$dir/small" 2>/dev/null; rm -rf "$dir"' EXIT
  rm -rf $store; ln -s "$dir/small" $store
  "$B/bandsaw-featurizer" featurize data 2>full && bad "a disk of 256 kB: it says that all is well"
  contents $store/ | grep BAD && bad "a disk of 256 kB left a damaged blob"
  mount -o remount,size=64m small
  if featurize && [ "$(contents $store/)" = "$want" ]; then ok "a disk of 256 kB, then of 64 MB"; else bad "a disk of 256 kB, then of 64 MB" "$(tail -1 stderr)"; fi
  rm $store; umount small
else
  echo "skipped: a small tmpfs needs the right to mount"
fi
featurize

for how in garbage half empty page gone; do
  size=$(stat -c %s $store/store.db)
  case $how in
    garbage) head -c 20000 /dev/urandom >$store/store.db ;;
    half) truncate -s $((size / 2)) $store/store.db ;;
    empty) : >$store/store.db ;;
    page) head -c 3000 /dev/zero | tr '\0' '\377' | dd of=$store/store.db bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null ;;
    gone) rm -f $store/store.db* ;;
  esac
  same "damaged index: $how"
done

for f in $(find $store/blobs -type f -regextype posix-extended -regex '.*/[0-9a-f]{64}'); do
  truncate -s -1 "$f"; printf 'x' >>"$f"
done
same "damaged blobs"
[ "$(find $store/blobs -name '*.corrupt' | wc -l)" -eq 3 ] || bad "damaged blobs are kept aside"
for f in $(find $store/blobs -type f -regextype posix-extended -regex '.*/[0-9a-f]{64}'); do : >"$f"; done
rm -f $store/store.db*
same "damaged blobs and no index"

rm -rf $store
"$B/bandsaw-featurizer" featurize data 2>first & a=$!
"$B/bandsaw-featurizer" featurize data 2>second & b=$!
wait $a; ra=$?; wait $b; rb=$?
if [ $((ra == 0)) -eq $((rb == 0)) ]; then bad "two at once: statuses $ra and $rb" "$(tail -1 first)" "$(tail -1 second)"; fi
cat first second | grep -q "another featurizer works on it" || bad "two at once: no line" "$(cat first second)"
same "two processes at once"
[ -z "$(ls -A tmp)" ] || bad "temporary files were left" "$(ls -A tmp)"
exit $failed
