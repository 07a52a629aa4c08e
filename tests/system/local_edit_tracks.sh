#!/usr/bin/env bash
# bandsaw edit --tracks: one edit on every track, all of them written or none, unequal ones refused by name.
set -u
bin=${1:-build}/bin/bandsaw
whole_bin=$(realpath "$bin")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bad=0
say() { echo "local_edit_tracks: $*"; bad=1; }
edit() { "$bin" edit "$@" --baseline retarget --target 0:20 --quiet 2>&1; }

"$bin" simulate --out "$folder/s" --songs 1 --seed 31 --length 45 --tracks --edits no >/dev/null 2>&1 || { say "no session was made"; exit 1; }
raw=$folder/s/song0001_raw.wav tracks=$folder/s/song0001_tracks
[ -d "$tracks" ] || { say "the session has no tracks"; exit 1; }

why=$(edit "$raw" --tracks "$tracks" -o "$folder/a.flac") || say "refused: $why"
for t in "$tracks"/*.wav; do
  [ -s "$folder/a_tracks/$(basename "$t")" ] || say "a_tracks has no $(basename "$t")"
done
[ "$(ls "$folder/a_tracks" | wc -l)" = "$(ls "$tracks" | wc -l)" ] || say "a_tracks holds something else too"
why=$(edit --tracks "$tracks" -o "$folder/b.flac") || say "without a recording: refused: $why"
[ -s "$folder/b.flac" ] || say "the sum of the tracks was not edited"

# The project of tracks comes back, of a recording and of a sum, from another folder too; so does the JSON.
for b in "$raw" ""; do
  rm -rf "$folder"/[pq]*
  why=$(edit ${b:+"$b"} --tracks "$tracks" -o "$folder/p.wav" --export rpp,otio,edl --report "$folder/p.html") || say "no project of tracks: $why"
  for from in p.rpp p.wav.json; do
    why=$(cd / && "$whole_bin" edit --from "$folder/$from" --tracks "$tracks" -o "$folder/q.wav" --quiet --force 2>&1) || say "$from does not come back: $why"
    cmp -s "$folder/p.wav" "$folder/q.wav" || say "$from gives another song"
    diff -r "$folder/p_tracks" "$folder/q_tracks" >/dev/null || say "$from gives other tracks"
  done
  grep -q -- "--drop [0-9]* --tracks $tracks</code>" "$folder/p.html" || say "a command of the report forgets the tracks"
  ! grep -q '\*"' "$folder/p.otio" && ! grep -q 'NAME: \*' "$folder/p.edl" || say "a star is no name of a clip"
done

why=$(edit "$raw" --tracks "$tracks" -o "$folder/a.flac") && say "wrote over what was there"
cp -r "$tracks" "$folder/unequal"
head -c 400000 "$raw" >"$folder/unequal/other.wav"
why=$(edit "$raw" --tracks "$folder/unequal" -o "$folder/c.flac") && say "took tracks of another length"
[ "$(wc -l <<<"$why")" = 1 ] && grep -q "other" <<<"$why" || say "unclear: $why"
ls "$folder" | grep -q '^c' && say "left something: $(ls "$folder")"

# What cannot be written is refused while the old song and its tracks are still there, --force or not.
one=$(basename "$(ls "$tracks"/*.wav | tail -1)")
before=$(cd "$folder" && md5sum a.flac a_tracks/*)
why=$(edit "$raw" --tracks "$tracks" -o "$folder/a.flac" --force --json "$folder/a_tracks/$one") && say "a track and the JSON under one name"
grep -q -- "--json and --tracks" <<<"$why" || say "unclear: $why"
[ "$before" = "$(cd "$folder" && md5sum a.flac a_tracks/*)" ] || say "a refusal changed the song that was there"
rm "$folder/a_tracks/$one" && mkdir "$folder/a_tracks/$one"
before=$(cd "$folder" && md5sum a.flac a_tracks/* 2>&1)
why=$(edit "$raw" --tracks "$tracks" -o "$folder/a.flac" --force) && say "wrote a track over a folder"
grep -q "$one: is a folder" <<<"$why" || say "unclear: $why"
[ "$before" = "$(cd "$folder" && md5sum a.flac a_tracks/* 2>&1)" ] || say "a refusal lost tracks that were there"
[ $bad -eq 0 ] && echo "local_edit_tracks: ok"
exit $bad
