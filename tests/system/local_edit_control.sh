#!/usr/bin/env bash
# bandsaw edit under a person's hands: what is asked is kept, what cannot be is refused by the names of the options,
# repairs change what they say and nothing else, exports come back, nothing is written over.
set -u
B=$(cd "${BUILD:-build}" && pwd)/bin
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
no() { failed=1; echo "FAILED $*"; }

# a session whose edit has seams, whatever the planner likes today
for seed in $(seq 19 40); do
  rm -rf in probe.*
  "$B/bandsaw-simulator" simulate --songs 1 --seed "$seed" --length 60 --edits no --out in >/dev/null 2>&1 || { echo "cannot make a session"; exit 1; }
  raw=in/$(cd in && ls *_raw.wav)
  "$B/bandsaw-editor" edit --quiet --baseline retarget "$raw" -o probe.wav --target 0:20 || { echo "cannot edit seed $seed"; exit 1; }
  [ "$(python3 -c 'import json; print(len(json.load(open("probe.wav.json"))["segments"]))')" -ge 3 ] && break
done
rm probe.*
edit() { "$B/bandsaw-editor" edit --quiet --baseline retarget "$@"; }
again() { "$B/bandsaw-editor" edit --quiet "$@"; }
# py SCRIPT ARGUMENTS...: `e(name)` is an edit's segments in seconds, `samples(name)` as they stand
py() { python3 -c 'import json,sys
def samples(n): return json.load(open(n))["segments"]
def e(n): return [(a/44100,b/44100) for a,b,_ in samples(n)]
def covers(n,a,b):
    """the whole of [a, b], give or take a beat at its ends"""
    return any(x<=a+.7 and y>=b-.7 for x,y in e(n))
def touches(n,a,b): return any(x<b-.05 and y>a+.05 for x,y in e(n))
'"$1" "${@:2}"; }

edit "$raw" -o a.wav --target 0:20 --export rpp,otio,edl,txt --report a.html --plot a.svg || no "an edit with every export"
for f in a.wav a.wav.json a.rpp a.otio a.edl a.txt a.html a.svg; do [ -s $f ] || no "$f was not written"; done
py 'assert abs(sum(b-a for a,b in e("a.wav.json"))-20)<1.2' || no "the length asked for"

# ---- round trips
again --from a.wav.json -o b.wav && cmp -s a.wav b.wav || no "an edit from JSON gives the same song"
again --from a.rpp -o c.wav && py 'assert samples("a.wav.json")==samples("c.wav.json")' || no "an edit from RPP is the same edit"
cmp -s a.wav c.wav || no "an edit from RPP gives the same song"
py '
import re
t=open("a.edl").read(); n=len(samples("a.wav.json"))
assert len(re.findall(r"^\d{3} ",t,re.M))>=n and "\r" not in t' || no "an event a segment in the EDL"
py 'assert len(open("a.txt").read().splitlines())==len(samples("a.wav.json"))' || no "a label a segment"

# ---- the page: whole, of this edit, with its sounds in it, and nothing from a network
py '
import base64, html.parser, re, xml.dom.minidom
page=open("a.html").read(); segments=samples("a.wav.json"); seams=len(segments)-1
class Page(html.parser.HTMLParser):
    def __init__(s): super().__init__(); s.open=[]; s.audio=[]; s.buttons=0; s.ids=set()
    def handle_starttag(s,tag,attributes):
        a=dict(attributes)
        if tag not in("meta","br","rect","path","line"): s.open.append(tag)
        if tag=="audio": s.audio.append((a["src"],float(a["data-end"])-float(a["data-start"])))
        if tag=="button": s.buttons+=1
        for k in("src","href"): assert not re.match(r"(https?:)?//",a.get(k) or ""), a
    def handle_startendtag(s,tag,attributes): pass
    def handle_endtag(s,tag): assert s.open and s.open.pop()==tag, tag
p=Page(); p.feed(page); assert not p.open, p.open
assert len(p.audio)==2
for src,length in p.audio:
    kind,_,sound=src.partition(";base64,")
    sound=base64.b64decode(sound,validate=True); kbits=len(sound)*8/1000/length
    assert kind=="data:audio/mpeg" and sound[0]==0xff and sound[1]>>5==7 and 50<kbits<120, (kind,sound[:4],kbits)
assert "url(" not in page and "@import" not in page
assert page.count("<b>Segment ")==len(segments) and page.count("<b>Seam ")==seams
assert p.buttons>=2*len(segments)+seams and page.count("--nudge")==2*seams
pic=xml.dom.minidom.parse("a.svg")
assert any("form" in t.getAttribute("class") and t.firstChild.data=="A" for t in pic.getElementsByTagName("text"))
assert sum("part" in r.getAttribute("class") for r in pic.getElementsByTagName("rect"))==len(segments)' || no "the report and the picture"
swap=$(sed -n 's,.*<code>bandsaw \(edit --from a.wav.json -o [^ ]* --swap [0-9=]*\)</code>.*,\1,p' a.html | head -1)
# shellcheck disable=SC2086
[ -z "$swap" ] || { "$B/bandsaw-editor" $swap --quiet && [ -s a-changed.wav ]; } || no "a command of the report works: $swap"

# ---- what is asked for
read -r x y < <(py 'a,b=e("a.wav.json")[0]; print(f"{a+1:.2f} {a+4:.2f}")')
edit "$raw" -o never.wav --target 0:15 --never "$x-$y" || no "--never"
py 'assert not touches("never.wav.json",float(sys.argv[1]),float(sys.argv[2]))' "$x" "$y" || no "--never is kept out"
edit "$raw" -o must.wav --target 0:20 --must "$x-$y" || no "--must"
py 'assert covers("must.wav.json",float(sys.argv[1]),float(sys.argv[2]))' "$x" "$y" || no "--must is kept whole"
edit "$raw" -o start.wav --target 0:20 --start "$x" || no "--start"
py 'assert abs(e("start.wav.json")[0][0]-float(sys.argv[1]))<2.5' "$x" || no "--start begins there"
edit "$raw" -o once.wav --target 0:12 --no-loop --no-reorder || no "--no-loop --no-reorder"
py '
s=sorted(e("once.wav.json"))
assert all(a[1]<=b[0]+1e-6 for a,b in zip(s,s[1:]))' || no "--no-loop plays nothing twice"
edit "$raw" -o locked.wav --target 0:24 --lock a.wav.json || no "--lock"
py '
for a,b in e("a.wav.json"): assert covers("locked.wav.json",a,b), (a,b)' || no "--lock keeps each piece whole"
edit "$raw" -o take.wav --target 0:12 --prefer-take 1 || no "--prefer-take"

# ---- labels: Audacity, markers of a project, cues of the recording itself
printf '%s\t%s\tDROP cough\n' "$x" "$y" > marks.txt
edit "$raw" -o l1.wav --target 0:15 --labels-in marks.txt || no "labels of Audacity"
py 'assert not touches("l1.wav.json",float(sys.argv[1]),float(sys.argv[2]))' "$x" "$y" || no "an Audacity label DROP is kept out"
printf '<REAPER_PROJECT 0.1 "6.0" 0\n  MARKER 1 %s "KEEP this" 1\n  MARKER 1 %s "" 1\n>\n' "$x" "$y" > marks.rpp
edit "$raw" -o l2.wav --target 0:20 --labels-in marks.rpp || no "regions of REAPER"
py 'assert covers("l2.wav.json",float(sys.argv[1]),float(sys.argv[2]))' "$x" "$y" || no "a REAPER region KEEP is kept"
py '
import struct
d=open(sys.argv[1],"rb").read(); a=int(float(sys.argv[2])*44100); n=int(float(sys.argv[3])*44100)-a
cue=struct.pack("<4sII",b"cue ",28,1)+struct.pack("<II4sIII",7,a,b"data",0,0,a)
labl=b"drop it\0"; adtl=b"adtl"+struct.pack("<4sII",b"labl",4+len(labl),7)+labl
adtl+=struct.pack("<4sIIIIHHHH",b"ltxt",20,7,n,0,0,0,0,0)
d+=cue+struct.pack("<4sI",b"LIST",len(adtl))+adtl
open("cued.wav","wb").write(d[:4]+struct.pack("<I",len(d)-8)+d[8:])' "$raw" "$x" "$y"
edit cued.wav -o l3.wav --target 0:15 || no "cues of the recording"
py 'assert not touches("l3.wav.json",float(sys.argv[1]),float(sys.argv[2]))' "$x" "$y" || no "a WAV cue DROP is kept out"

# ---- repairs
n=$(py 'print(len(samples("a.wav.json")))')
if [ "$n" -ge 2 ]; then
  again --from a.wav.json -o drop.wav --drop "$n" || no "--drop"
  py 'assert samples("drop.wav.json")==samples("a.wav.json")[:-1]' || no "--drop leaves out one segment and nothing else"
  again --from a.wav.json -o nudge.wav --nudge 1=+1 || no "--nudge"
  py '
a,b=samples("a.wav.json"),samples("nudge.wav.json")
assert len(a)==len(b) and a[2:]==b[2:] and a[0][0]==b[0][0] and a[1][1]==b[1][1]
assert a[0][1]<b[0][1]<a[0][1]+44100*1.5 and a[1][0]<b[1][0]' || no "--nudge moves one seam and nothing else"
else
  no "the edit has one segment: choose another seed"
fi
again --from a.wav.json -o swap.wav --swap 1 2>err
rc=$?
if [ $rc -eq 0 ]; then
  py '
a,b=samples("a.wav.json"),samples("swap.wav.json")
# the other take may go on right into the next segment: then the two are one
assert a[0][:2]!=b[0][:2] and (a[1:]==b[1:] or a[2:]==b[1:] and b[0][1]==a[1][1])' || no "--swap changes one segment and nothing else"
else
  grep -q -- '--swap' err || no "--swap refused without its name: $(cat err)"
fi

# ---- several
edit "$raw" -o many.wav --target 0:20 --candidates 3 --report many.html 2>/dev/null || no "--candidates"
py '
import os
names=[f"many-{k}.wav.json" for k in (1,2,3) if os.path.exists(f"many-{k}.wav.json")]
assert len(names)>=2, names
page=open("many.html").read()
assert page.count("<section id=")==len(names) and all(f"href=\"#song{k}\"" in page for k in range(len(names)))
assert len({str(samples(n)) for n in names})==len(names)' || no "--candidates gives different songs"

# ---- refused in one line with the names of the options
refuse() {
  local name=$1 words=$2; shift 2
  local before after rc
  before=$(ls -A | sort | xargs -r stat -c '%n %s %Y' | grep -v '^std')
  "$@" >stdout 2>stderr; rc=$?
  after=$(ls -A | sort | xargs -r stat -c '%n %s %Y' | grep -v '^std')
  local why=""
  [ $rc -ne 0 ] && [ $rc -lt 126 ] || why="exit status $rc"
  [ "$(wc -l <stderr)" -eq 1 ] || why="$(wc -l <stderr) lines on stderr"
  for word in $words; do grep -qi -- "$word" stderr || why="the line does not say '$word'"; done
  [ "$before" = "$after" ] || why="files changed"
  if [ -n "$why" ]; then no "$name: $why"; sed 's/^/    /' stderr; else echo "ok $name: $(cat stderr)"; fi
}
refuse "must and never"     "--must --never" edit "$raw" -o r.wav --target 0:20 --must "$x-$y" --never "$x-$y"
refuse "must past the length" "--must"       edit "$raw" -o r.wav --target 0:02 --must "$x-$(py 'print(float(sys.argv[1])+8)' "$x")"
refuse "no range"           "--must"         edit "$raw" -o r.wav --must soon
refuse "range backwards"    "--never"        edit "$raw" -o r.wav --never "$y-$x"
refuse "after the end"      "--start"        edit "$raw" -o r.wav --start 59:00
refuse "no such take"       "take"           edit "$raw" -o r.wav --prefer-take 99
refuse "repair of nothing"  "--swap --from"  edit "$raw" -o r.wav --swap 1
refuse "target and from"    "--target --from" again --from a.wav.json -o r.wav --target 0:20
refuse "no such tune"       "--tune"         edit "$raw" -o r.wav --tune 20
refuse "no such tune of a cut" "--tune"      again --from a.wav.json -o r.wav --tune 20
refuse "no such segment"    "--drop"         again --from a.wav.json -o r.wav --drop 99
refuse "no such seam"       "--nudge"        again --from a.wav.json -o r.wav --nudge 99=+1
refuse "no such export"     "--export"       edit "$raw" -o r.wav --export aaf
refuse "report is no page"  "--report"       edit "$raw" -o r.wav --report song.pdf
refuse "report is there"    "--force"        edit "$raw" -o r.wav --report a.html
refuse "export is there"    "--force"        edit "$raw" -o r.wav --export a.rpp
refuse "json is there"      "--force"        again --from a.wav.json -o r.wav --json b.wav.json
refuse "json over the song" "-o --json"      edit "$raw" -o r.wav --json ./r.wav
refuse "export twice"       "--export"       edit "$raw" -o r.wav --export r.rpp,r.rpp
refuse "labels and export"  "--labels --export" edit "$raw" -o r.wav --labels r.txt --export txt
refuse "labels over the json" "-o --labels"  edit "$raw" -o r.wav --labels r.wav.json
mkdir folder.svg folder.rpp folder.wav
refuse "plot is a folder"   "--plot folder"  edit "$raw" -o a.wav --force --plot folder.svg
refuse "export is a folder" "--export folder" edit "$raw" -o a.wav --force --export folder.rpp
refuse "song is a folder"   "-o folder"      edit "$raw" -o folder.wav --force
refuse "edit of no edit"    "marks.txt"      again --from marks.txt "$raw" -o r.wav

# ---- readers of other people's
if command -v ffprobe >/dev/null; then
  for f in wav flac ogg mp3; do
    again --from a.wav.json -o "m.$f" && ffprobe -v error -show_chapters -of json "m.$f" > marks.json && py '
m=json.load(open("marks.json"))["chapters"]; w=json.load(open("a.wav.json")); at=w["lead_in_samples"]/44100
assert len(m)==len(samples("a.wav.json")), len(m)
for c,(a,b) in zip(m,e("a.wav.json")):
    assert abs(float(c["start_time"])-at)<.0011, (c,at)
    label=c["tags"]["title"].split(); minutes,seconds=label[2].split(":")
    assert abs(60*int(minutes)+float(seconds)-a)<.0011, (c,a)
    at+=b-a' || no "ffprobe reads a marker a segment of .$f"
  done
else
  echo "SKIPPED: ffprobe is missing (apt-get install ffmpeg): markers were not read by another program"
fi
python=python3
for p in "${BANDSAW_PYTHON:-}" "$(dirname "$B")/python/bin/python" python3; do [ -n "$p" ] && "$p" -c 'import opentimelineio' 2>/dev/null && python=$p && break; done
if "$python" -c 'import opentimelineio' 2>/dev/null; then
  "$python" - a.otio a.edl a.wav.json <<'P' || no "opentimelineio reads what was written"
import json, sys
import opentimelineio as otio
t = otio.adapters.read_from_file(sys.argv[1])
segments = json.load(open(sys.argv[3]))["segments"]
clips = list(t.find_clips()) if hasattr(t, "find_clips") else list(t.each_clip())
assert len(clips) == len(segments), (len(clips), len(segments))
length = sum(c.source_range.duration.to_seconds() for c in clips)
whole = sum(b - a for a, b, _ in segments) / 44100
assert whole <= length < whole + 3, (whole, length)
assert t.metadata["bandsaw"]["version"] == 1
assert [list(s) for s in t.metadata["bandsaw"]["segments"]] == segments
try:
    edl = otio.adapters.read_from_file(sys.argv[2], rate=30)
except otio.exceptions.NoKnownAdapterForExtensionError:
    print("SKIPPED the EDL: otio-cmx3600-adapter is missing (pip install otio-cmx3600-adapter)")
else:
    events = list(edl.find_clips()) if hasattr(edl, "find_clips") else list(edl.each_clip())
    assert len(events) == 2 * len(segments), (len(events), len(segments))  # AA: both channels
    assert abs(sum(c.source_range.duration.to_seconds() for c in events) / 2 - length) < 0.1 * len(segments) + 1
    print("ok opentimelineio reads the timeline and the EDL")
P
else
  echo "SKIPPED: opentimelineio is missing (pip install opentimelineio otio-cmx3600-adapter): OTIO and EDL were not read by another program"
fi

[ $failed -eq 0 ] && echo "asked, refused, repaired, exported and read back"
exit $failed
