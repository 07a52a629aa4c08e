#!/usr/bin/env bash
# bandsaw edit on everything that cannot work: one clear line, exit status not 0, nothing half-written.
set -u
B=$(cd "${BUILD:-build}" && pwd)/bin
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export TMPDIR=$dir/tmp; mkdir tmp
failed=0

"$B/bandsaw-simulator" simulate --songs 1 --seed 7 --length 40 --edits no --out in >/dev/null 2>&1 || { echo "cannot make a session"; exit 1; }
raw=in/$(cd in && ls *_raw.wav)
"$B/bandsaw-editor" edit "$raw" -o whole.flac --keep 1 --baseline crop --quiet || { echo "cannot edit a good session"; exit 1; }
[ -s whole.flac ] && [ -s whole.flac.json ] || { echo "no song was written"; exit 1; }

mkdir bad out
: > bad/empty.wav
: > bad/empty.flac
printf 'these are words,\nnot music\n' > bad/text.wav
printf 'these are words,\nnot music\n' > bad/text.mp3
head -c $(($(stat -c %s whole.flac) / 2)) whole.flac > bad/truncated.flac
head -c $(($(stat -c %s whole.flac) - 1000)) whole.flac > bad/tail.flac
head -c $((44 + 2 * 44100 * 4)) "$raw" > bad/two-seconds.wav
head -c 100000 /dev/zero > bad/zeros.wav
printf 'not weights' > bad/policy.safetensors
printf 'a song that was here before' > out/there.wav
printf 'a sheet that was here before' > out/there.svg

# refuse NAME WORDS ARGUMENTS...: fails with one line that holds WORDS, and leaves out/ as it was
refuse() {
  local name=$1 words=$2; shift 2
  local before after rc
  before=$(cd out && ls -A | sort | xargs -r md5sum)
  "$@" >stdout 2>stderr; rc=$?
  after=$(cd out && ls -A | sort | xargs -r md5sum)
  local why=""
  [ $rc -ne 0 ] || why="exit status 0"
  [ $rc -lt 126 ] || why="exit status $rc"
  [ "$(wc -l <stderr)" -eq 1 ] || why="$(wc -l <stderr) lines on stderr"
  grep -q '^bandsaw: ' stderr || why="no line that starts with 'bandsaw: '"
  grep -qi -- "$words" stderr || why="the line does not say '$words'"
  [ "$before" = "$after" ] || why="files were left behind: $(ls -A out)"
  [ -z "$(ls -A tmp)" ] || why="temporary files were left: $(ls -A tmp)"
  if [ -n "$why" ]; then failed=1; echo "FAILED $name: $why"; sed 's/^/    /' stderr
  else echo "ok $name: $(cat stderr)"; fi
}
edit() { "$B/bandsaw-editor" edit --quiet "$@"; }

refuse "empty wav"          "empty"          edit bad/empty.wav -o out/a.wav
refuse "empty flac"         "empty"          edit bad/empty.flac -o out/a.wav
refuse "text as wav"        "not audio"      edit bad/text.wav -o out/a.wav
refuse "text as mp3"        "not audio"      edit bad/text.mp3 -o out/a.wav
refuse "zeros"              "not audio"      edit bad/zeros.wav -o out/a.wav
refuse "truncated flac"     "truncated"      edit bad/truncated.flac -o out/a.wav
refuse "flac without end"   "truncated"      edit bad/tail.flac -o out/a.wav
refuse "missing file"       "no such file"   edit bad/missing.wav -o out/a.wav
refuse "folder"             "folder"         edit bad -o out/a.wav
refuse "two seconds"        "short"          edit bad/two-seconds.wav -o out/a.wav
refuse "second file bad"    "truncated"      edit "$raw" bad/truncated.flac -o out/a.wav
refuse "no recording"       "no recording"   edit -o out/a.wav
refuse "no output"          "where"          edit "$raw"
refuse "output is there"    "force"          edit "$raw" -o out/there.wav
refuse "output is input"    "itself"         edit "$raw" -o "$raw" --force
cp "$raw" out/raw.wav; cp whole.flac out/song.flac
refuse "align over recording" "recording itself" "$B/bandsaw-editor" align out/raw.wav out/song.flac -o out/raw.wav --force
refuse "align over edit"    "edit itself"    "$B/bandsaw-editor" align out/raw.wav out/song.flac -o out/../out/song.flac --force
refuse "align output there" "force"          "$B/bandsaw-editor" align out/raw.wav out/song.flac -o out/there.wav
rm out/raw.wav out/song.flac
refuse "output format"      "flac"           edit "$raw" -o out/a.xyz
refuse "bits of an mp3"      "--bits"         edit "$raw" -o out/a.mp3 --bits 16
refuse "no such folder"     "no such file"   edit "$raw" -o out/no/such/a.wav
refuse "folder is a file"   "not a directory" edit "$raw" -o out/there.wav/a.wav
refuse "target too long"    "at most"        edit "$raw" -o out/a.wav --target 2:00:00
refuse "target too short"   "at least"       edit "$raw" -o out/a.wav --target 0.05
refuse "target no time"     "target"         edit "$raw" -o out/a.wav --target soon
refuse "unknown option"     "target"         edit "$raw" -o out/a.wav --targt 1:00
refuse "no such policy"     "no such file"   edit "$raw" -o out/a.wav --policy bad/none.safetensors
refuse "policy is no policy" "policy.safetensors" edit "$raw" -o out/a.wav --policy bad/policy.safetensors
refuse "policy and baseline" "which"         edit "$raw" -o out/a.wav --policy bad/policy.safetensors --baseline crop

refuse "sheet is there"     "force"          "$B/bandsaw-editor" show --quiet "$raw" -o out/there.svg
"$B/bandsaw-editor" show --quiet "$raw" -o out/there.svg --force && grep -q '<svg' out/there.svg || { failed=1; echo "FAILED show --force writes over what is there"; }

# A disk that is full after 100 KB, for each format; and one where only the decision list does not fit.
full() { (ulimit -f 100; edit "$@"); }
for format in wav flac ogg mp3; do
  refuse "full disk, $format" "nothing was kept" full "$raw" -o out/a.$format
done
refuse "full disk, --force" "nothing was kept" full "$raw" -o out/there.wav --force

if [ "$(id -u)" -ne 0 ]; then
  mkdir locked; chmod 555 locked
  refuse "folder not writable" "permission" edit "$raw" -o locked/a.wav
fi
if unshare -m true 2>/dev/null; then # a real file system of 200 KB
  cat > small.sh <<X
mkdir -p small && mount -t tmpfs -o size=200k none small && "$B/bandsaw-editor" edit --quiet "$raw" -o small/a.wav; rc=\$?
ls -A small > small.left; exit \$rc
X
  refuse "small file system" "no space left" unshare -m bash small.sh
  [ ! -s small.left ] || { failed=1; echo "FAILED small file system: left $(cat small.left)"; }
fi

[ $failed -eq 0 ] && echo "every failure was one clear line"
exit $failed
