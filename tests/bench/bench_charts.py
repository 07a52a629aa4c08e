#!/usr/bin/env python3
"""Beats of real recordings, against the tempo maps that their own musicians charted.

    bench_charts.py BANDSAW FOLDER...

Any folder of Frets on Fire songs below FOLDER: song.ogg and guitar.ogg are heard as synchronous tracks,
notes.mid holds the tempo map. A chart as a whole may lie some milliseconds beside the sound: the median
distance, up to 60 ms, is taken off. F counts beats within 70 ms, from five seconds on to the last
note of the chart (Davies et al. 2009).
`bars_even` is the share of the downbeats that lie on one of the chart's four beats. Beside each stands what
aubio's tracker gets, where it is installed.
"""

import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from beat_scores import f_measure, nearest, printed_numbers, settled
from midi import beats_of


def aubio_f(folder, chart):
    """Of the same sum of tracks, by ffmpeg and aubio."""
    with tempfile.TemporaryDirectory() as scratch:
        mixed = pathlib.Path(scratch) / "mix.wav"
        mix = ["ffmpeg", "-v", "error", "-i", folder / "song.ogg", "-i", folder / "guitar.ogg"]
        subprocess.run([*mix, "-filter_complex", "amix=inputs=2", mixed], check=True)
        found = [float(row[0]) for row in printed_numbers("aubio", "beat", mixed)]
    return f_measure(found, settled(found, chart))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    songs = sorted(p.parent for folder in sys.argv[2:] for p in pathlib.Path(folder).rglob("notes.mid"))
    songs = [s for s in songs if (s / "song.ogg").exists() and (s / "guitar.ogg").exists()]
    if not songs:
        sys.exit("bench_charts: no folder with song.ogg, guitar.ogg and notes.mid")
    compare = shutil.which("aubio") and shutil.which("ffmpeg")
    ours, theirs = [], []
    for folder in songs:
        rows = printed_numbers(sys.argv[1], "beats", f"{folder}/*")
        found = [float(row[0]) for row in rows]
        if not found:
            sys.exit(f"bench_charts: {folder}: no beats were found")
        charted = beats_of(folder / "notes.mid")
        chart = settled(found, charted)
        ours.append(f_measure(found, chart))
        phases = [nearest(chart, float(row[0])) % 4 for row in rows if row[1] == "1"]
        name = folder.name.replace(" ", "_")
        print(f"charts.{name}.beat_f {ours[-1]:.3f} F")
        print(f"charts.{name}.bars_even {max(map(phases.count, range(4))) / max(1, len(phases)):.3f} share")
        if compare:
            theirs.append(aubio_f(folder, charted))
            print(f"charts.{name}.aubio_beat_f {theirs[-1]:.3f} F")
    print(f"charts.beat_f {statistics.mean(ours):.3f} F")
    if compare:
        print(f"charts.aubio_beat_f {statistics.mean(theirs):.3f} F")


if __name__ == "__main__":
    main()
