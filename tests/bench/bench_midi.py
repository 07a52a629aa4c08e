#!/usr/bin/env python3
"""Beats of composed music: the MIDI soundtracks of free games, played by a synthesizer.

    bench_midi.py BANDSAW FOLDER

FOLDER holds the Debian packages openttd-openmsx, freedoom and fluid-soundfont-gm, each unpacked in a folder of its
name; fluidsynth is on the path. A piece counts if its notes keep to its beats (a fifth of them start on one: what was
recorded without a click or converted does not). F counts beats within 70 ms, from five seconds to two and a half
minutes; `twice` and `half` are the pieces that were counted in halves or in pairs, which F half forgives. Beside
each stands what aubio's tracker gets, where it is installed.
"""

import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import wave

from beat_scores import f_measure, printed_numbers
from midi import beats_of, events

LONGEST_S = 150


def soundtrack(wad, out):
    """The MIDI files in a WAD: a directory of (offset, bytes, name) behind its header."""
    data, seen = wad.read_bytes(), set()
    count, at = struct.unpack("<ii", data[4:12])
    for i in range(count):
        offset, size, name = struct.unpack("<ii8s", data[at + 16 * i : at + 16 * i + 16])
        lump = data[offset : offset + size]
        if lump[:4] == b"MThd" and lump not in seen:
            seen.add(lump)
            (out / f"{name.rstrip(bytes(1)).decode().lower()}.mid").write_bytes(lump)


def keeps_to_its_beats(path):
    ticks, _, _, notes = events(path)
    on_beat = sum(min(n % ticks, ticks - n % ticks) <= 0.04 * ticks for n in notes)
    return on_beat >= 0.2 * len(notes) > 0


def play(path, font, out):
    subprocess.run(["fluidsynth", "-ni", "-q", "-g", "0.4", "-r", "44100", "-T", "wav", "-O", "s16", "-F", out, font,
                    path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with wave.open(str(out)) as sound:
        kept = sound.getparams(), sound.readframes(LONGEST_S * sound.getframerate())
    with wave.open(str(out), "wb") as sound:
        sound.setparams(kept[0])
        sound.writeframes(kept[1])


def counted(found, known):
    """F, and which count of the beats fits best."""
    between = sorted(known + [(a + b) / 2 for a, b in zip(known, known[1:])])
    fits = {"right": f_measure(found, known), "twice": f_measure(found, between),
            "half": max(f_measure(found, known[::2]), f_measure(found, known[1::2]))}
    best = max(fits, key=fits.get)
    return fits["right"], best if fits[best] > 0.75 else "lost"


def measure(bandsaw, name, pieces, font, scratch, compare):
    ours, theirs, counts = [], [], []
    for path in pieces:
        sound = scratch / "piece.wav"
        play(path, font, sound)
        known = [b for b in beats_of(path) if b < LONGEST_S]
        f, count = counted([float(row[0]) for row in printed_numbers(bandsaw, "beats", sound)], known)
        ours.append(f)
        counts.append(count)
        print(f"{name}/{path.stem}: {f:.2f} {count}", file=sys.stderr)
        if compare:
            theirs.append(f_measure([float(row[0]) for row in printed_numbers("aubio", "beat", sound)], known))
    print(f"midi.{name}.pieces {len(pieces)} pieces")
    print(f"midi.{name}.beat_f {statistics.mean(ours):.3f} F")
    for count in ("right", "twice", "half", "lost"):
        print(f"midi.{name}.{count} {counts.count(count) / len(counts):.3f} share")
    if compare:
        print(f"midi.{name}.aubio_beat_f {statistics.mean(theirs):.3f} F")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    packages = pathlib.Path(sys.argv[2])
    font = packages / "fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2"
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        for wad in sorted((packages / "freedoom/usr/share/games/doom").glob("freedoom*.wad")):
            (scratch / wad.stem).mkdir()
            soundtrack(wad, scratch / wad.stem)
        sets = {
            "openmsx": sorted(packages.glob("openttd-openmsx/usr/share/games/openttd/baseset/openmsx/*.mid")),
            "freedoom": sorted(scratch.glob("freedoom*/*.mid")),
        }
        if not font.exists() or not all(sets.values()):
            sys.exit(f"bench_midi: {packages}: the packages' files are not there")
        if not shutil.which("fluidsynth"):
            sys.exit("bench_midi: fluidsynth is not installed")
        compare = bool(shutil.which("aubio"))
        for name, pieces in sets.items():
            measure(sys.argv[1], name, [p for p in pieces if keeps_to_its_beats(p)], font, scratch, compare)


if __name__ == "__main__":
    main()
