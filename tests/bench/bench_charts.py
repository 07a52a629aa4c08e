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
import struct
import subprocess
import sys
import tempfile


def read_variable(data, at):
    value = 0
    while True:
        value = value << 7 | data[at] & 127
        at += 1
        if not data[at - 1] & 128:
            return value, at


def tempo_map(path):
    """Ticks of a beat, [(tick, seconds of a beat)] and the last tick of a standard MIDI file."""
    data = path.read_bytes()
    if data[:4] != b"MThd":
        raise ValueError(f"{path}: is no MIDI file")
    ticks = struct.unpack(">H", data[12:14])[0]
    changes, last, at = [], 0, 14
    while at + 8 <= len(data):
        end = at + 8 + struct.unpack(">I", data[at + 4 : at + 8])[0]
        at, tick, status = at + 8, 0, 0
        while at < end:
            step, at = read_variable(data, at)
            tick += step
            if data[at] & 128:
                status, at = data[at], at + 1
            if status == 0xFF or status in (0xF0, 0xF7):
                kind, at = (data[at], at + 1) if status == 0xFF else (None, at)
                n, at = read_variable(data, at)
                if kind == 0x51:
                    changes.append((tick, int.from_bytes(data[at : at + n], "big") / 1e6))
                at += n
            else:
                at += 1 if status >> 4 in (0xC, 0xD) else 2
        last, at = max(last, tick), end
    changes.sort()
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 0.5))
    return ticks, changes, last


def charted_beats(path):
    """Seconds of the beats up to the last note."""
    ticks, changes, last = tempo_map(path)
    beats, at_s, tick, i = [], 0.0, 0, 0
    while tick <= last:
        beats.append(at_s)
        following = tick + ticks
        while i + 1 < len(changes) and changes[i + 1][0] <= following:
            at_s += (changes[i + 1][0] - tick) / ticks * changes[i][1]
            tick, i = changes[i + 1][0], i + 1
        at_s += (following - tick) / ticks * changes[i][1]
        tick = following
    return beats


def nearest(beats, at):
    """Index of the beat nearest to `at`; beats ascend."""
    low, high = 0, len(beats) - 1
    while low < high:
        middle = (low + high) // 2
        if beats[middle] + beats[middle + 1] < 2 * at:
            low = middle + 1
        else:
            high = middle
    return low


def settled(found, chart):
    """The chart, moved by what it lies beside the sound."""
    apart = [b - chart[nearest(chart, b)] for b in found]
    offset = statistics.median(apart) if apart else 0
    return [c + offset for c in chart] if abs(offset) <= 0.06 else chart


def f_measure(found, chart):
    end = chart[-1] + 0.1
    found, chart = [b for b in found if 5 < b < end], [b for b in chart if b > 5]
    i = j = hits = 0
    while i < len(found) and j < len(chart):
        if abs(found[i] - chart[j]) <= 0.07:
            hits, i, j = hits + 1, i + 1, j + 1
        elif found[i] < chart[j]:
            i += 1
        else:
            j += 1
    return 2 * hits / max(1, len(found) + len(chart))


def printed_numbers(*command):
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return [row for row in rows if row and row[0].replace(".", "").isdigit()]


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
        charted = charted_beats(folder / "notes.mid")
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
