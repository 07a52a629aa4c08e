#!/usr/bin/env bash
# The layer check passes on this tree, and finds each of three planted breaks.
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
bash tests/lint/layers.sh .
plant() { # $1 = file, $2 = line, $3 = what the check must say
  rm -rf "$dir/tree"; mkdir -p "$dir/tree/$(dirname "$1")"
  cp layers.txt "$dir/tree"; echo "$2" >"$dir/tree/$1"
  if bash tests/lint/layers.sh "$dir/tree" >"$dir/out"; then echo "not found: $2 in $1"; exit 1; fi
  grep -q "$3" "$dir/out" || { echo "wrong message:"; cat "$dir/out"; exit 1; }
}
plant common/env/planted.c '#include "common/net/net.h"' 'common/env may not include common/net'
plant common/env/planted.c '#include <zmq.h>' 'may not include <zmq.h>'
plant common/net/planted.h '#include <zmq.h>' 'third-party'
cp layers.txt "$dir/tree"
sed -i 's,^common/core .*,common/core : common/env : - : -,; s,^common/song .*,common/song : common/core : - : -,' "$dir/tree/layers.txt"
if bash tests/lint/layers.sh "$dir/tree" | grep -q cycle; then :; else echo "a cycle was not found"; exit 1; fi
