#!/usr/bin/env bash
# make lint: layers, headers that compile alone, banned calls, libm in what acts, libraries of each program,
# formatting. Prints each break as one line; exits 1 when there is any.
set -u
bad=0
say() { echo "lint: $*"; bad=1; }
sources=$(git ls-files -co --exclude-standard '*.c' '*.h')

bash tests/lint/layers.sh . || bad=1

for h in $(grep '\.h$' <<<"$sources" | grep -E '^(common|featurizer|simulator|actor|learner|editor|cli)/'); do
  echo "#include \"$h\"" | ${CC:-gcc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -I. -fsyntax-only -x c - 2>/dev/null || say "$h does not compile alone"
done

banned='\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atof|rand|srand|tmpnam|mktemp|alloca)[[:space:]]*\('
grep -nE "$banned" $(grep -v '^tests/' <<<"$sources") /dev/null | grep -vE '^\S+:\s*(/?\*|//)' | while read -r l; do echo "lint: banned call: $l"; done | grep . && bad=1
grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $sources /dev/null && bad=1
grep -nE 'ZMQ_HEARTBEAT|ZMQ_CONFLATE' $sources /dev/null && bad=1

# What acts must give the same bits everywhere: no libm beyond sqrt, fma, floor, fabs.
acting=$(ls build/lib/libcommon_env.a build/lib/libcommon_policy.a build/lib/libcommon_song.a build/obj/common/model/policy_acting*.o build/obj/common/nn/act*.o 2>/dev/null)
for a in $acting; do
  for f in $(nm -u "$a" 2>/dev/null | awk '/ U /{print $2}' | sort -u |
      grep -E '^(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|cbrt|hypot|erf|lgamma|tgamma)(f|l)?$'); do
    say "$a calls $f of libm"
  done
done

# Each program needs only the libraries of its row.
for p in simulator featurizer actor learner editor cli; do
  bin=build/bin/bandsaw-$p; [ $p = cli ] && bin=build/bin/bandsaw
  [ -x "$bin" ] || continue
  allowed=$(for l in $(pkg-config --libs $(awk -v mode=pkgs -v WANT=$p -f tools/layers.awk layers.txt) | tr ' ' '\n' | grep '^-l'); do echo "${l#-l}"; done)
  for so in $(readelf -d "$bin" | sed -n 's/.*NEEDED.*\[lib\(.*\)\.so.*\]/\1/p' | grep -vE '^(c|m|pthread|rt|dl|gcc_s)$'); do
    grep -qxF "$so" <<<"$allowed" || say "$bin needs lib$so, which is not in its row of layers.txt"
  done
done

if command -v clang-format >/dev/null; then
  for f in $sources; do clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || say "$f is not formatted: run 'make fmt'"; done
else
  say "clang-format is missing: run 'make deps'"
fi
[ $bad -eq 0 ] && echo "lint: clean"
exit $bad
