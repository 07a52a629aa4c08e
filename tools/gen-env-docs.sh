#!/usr/bin/env bash
# Writes the observation tables of docs/environment.md from common/env/obs.def, between its two markers.
set -euo pipefail
cd "$(dirname "$0")/.."
doc=docs/environment.md
table() {
  awk '
    function text(s) { sub(/^[^"]*"/, "", s); sub(/"\)[ \t]*$/, "", s); return s }
    function head(t) { printf "\n%s\n\n| name | columns | meaning |\n|---|---|---|\n", t }
    /^OBS_STEP\(/ { if (!s++) head("Per step (`EnvObs.step`):"); split($0, a, /[(,]/); gsub(/ /, "", a[3]); printf "| `%s` | %s | %s |\n", a[2], a[3], text($0) }
    /^OBS_TARGET\(/ { if (!t++) head("Per target of CROSSFADE (`EnvObs.target_features`):"); split($0, a, /[(,]/); printf "| `%s` | 1 | %s |\n", a[2], text($0) }
    /^OBS_PAIR\(/ { if (!p++) head("Per pair of REORDER (`EnvObs.pair_features`):"); split($0, a, /[(,]/); printf "| `%s` | 1 | %s |\n", a[2], text($0) }
  ' common/env/obs.def
}
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
awk '/<!-- obs.def -->/ { print; exit } { print }' "$doc" >"$tmp"
table >>"$tmp"
printf '\n' >>"$tmp"
awk '/<!-- end of obs.def -->/ { on = 1 } on { print }' "$doc" >>"$tmp"
cat "$tmp" >"$doc"
