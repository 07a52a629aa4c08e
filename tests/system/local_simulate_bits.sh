#!/usr/bin/env bash
# The same seed makes the same files, composed or out of finished recordings: from the build under test with one
# thread and with two, and from clang.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT

make_all() { # $1 = program, $2 = threads, $3 = folder
  "$1" simulate --songs 5 --seed 11 --length 60 --tracks --jobs "$2" --out "$3/composed" 2>>"$dir/log"
  "$1" simulate --songs 2 --seed 3 --length 30 --from "$dir/finished" --jobs "$2" --out "$3/from" 2>>"$dir/log"
}
sums() { (cd "$1" && find . -type f | sort | xargs sha256sum); }

"$build/bin/bandsaw-simulator" simulate --songs 1 --first 9 --seed 5 --length 120 --out "$dir/source" 2>"$dir/log"
mkdir "$dir/finished"; cp "$dir/source/song0009_edit.wav" "$dir/finished/song.wav"

make_all "$build/bin/bandsaw-simulator" 1 "$dir/one"
make_all "$build/bin/bandsaw-simulator" 2 "$dir/two"
sums "$dir/one" >"$dir/want"
n=$(wc -l <"$dir/want")
[ "$n" -ge 20 ] || { echo "only $n files were made"; cat "$dir/log"; exit 1; }
sums "$dir/two" | diff "$dir/want" - || { echo "two threads make other bytes than one"; exit 1; }

command -v clang >/dev/null || { echo "SKIP clang: not installed"; exit 0; }
own=$(ls simulator/*.c common/audio/*.c common/song/*.c)
mkdir "$dir/o"
# shellcheck disable=SC2016,SC2086  # $1 is the inner shell's; $own is a list
printf '%s\n' $own | xargs -P 2 -I{} sh -c 'clang -std=c11 -D_GNU_SOURCE -O2 -march=x86-64-v3 -ffp-contract=off \
  -fno-math-errno -I. -DBANDSAW_VERSION="\"test\"" -c "$1" -o "$2/$(echo "$1" | tr / _).o"' sh {} "$dir/o"
# shellcheck disable=SC2046
clang -o "$dir/clang" "$dir"/o/*.o -Wl,--start-group "$build"/lib/libfeaturizer.a "$build"/lib/libcommon_*.a \
  $(ls "$build"/lib/libproto.a 2>/dev/null) -Wl,--end-group -Wl,--gc-sections \
  $(pkg-config --libs sndfile soxr libebur128 jansson inih libxxhash libsodium fftw3f sqlite3 libmicrohttpd libzmq \
    libprotobuf-c) -lm -lpthread
make_all "$dir/clang" 2 "$dir/clang-two"
sums "$dir/clang-two" | diff "$dir/want" - || { echo "clang makes other bytes than the build"; exit 1; }
echo "$n files, the same from one thread, two threads and clang"
