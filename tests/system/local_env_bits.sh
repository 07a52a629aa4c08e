#!/usr/bin/env bash
# The environment says the same to the bit however it was compiled and whatever the processor lends libm: one
# digest of masks, observations, rewards and edits from the build under test, gcc -O0, clang -O2 and a libm
# without FMA, and the committed one. LONG=1 plays 200,000 episodes instead of 2,000 too.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
golden=tests/golden/env_digest.txt
common="-std=c11 -D_GNU_SOURCE -march=x86-64-v3 -ffp-contract=off -fno-math-errno -I."
own="tests/system/env_digest.c common/env/*.c common/song/*.c"
libs="$build/lib/libcommon_core.a -lxxhash -lsodium -lpthread -lm"

# shellcheck disable=SC2086  # lists of words
{
  gcc -O2 $common -o "$dir/build" tests/system/env_digest.c "$build"/lib/libcommon_{env,song}.a $libs
  gcc -O0 $common -o "$dir/gcc-O0" $own $libs
  builds="build gcc-O0"
  if command -v clang >/dev/null; then clang -O2 $common -o "$dir/clang-O2" $own $libs; builds="$builds clang-O2"
  else echo "SKIP clang -O2: not installed"; fi
}

want=$(cat $golden) failed=0
expect() { # $1 = digest, $2 = what it must be, $3 = how it was made
  [ "$1" = "$2" ] || { echo "$3: $1, not $2"; failed=1; }
}
for b in $builds; do expect "$("$dir/$b")" "$want" "$b"; done
expect "$(GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4 "$dir/build")" "$want" "a libm without FMA"
if [ "${LONG:-}" ]; then
  want=$("$dir/build" 200000)
  for b in $builds; do expect "$("$dir/$b" 200000)" "$want" "$b, 200000 episodes"; done
fi
[ $failed -eq 0 ] || { echo "if the change is meant: raise ENV_VERSION and write the new digest into $golden"; exit 1; }
echo "$want from $builds"
