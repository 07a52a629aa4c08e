"""Beats that were heard against beats that are known."""

import statistics
import subprocess


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


def settled(found, known):
    """The known, moved by what it lies beside the sound."""
    apart = [b - known[nearest(known, b)] for b in found]
    offset = statistics.median(apart) if apart else 0
    return [c + offset for c in known] if abs(offset) <= 0.06 else known


def f_measure(found, known):
    end = known[-1] + 0.1
    found, known = [b for b in found if 5 < b < end], [b for b in known if b > 5]
    i = j = hits = 0
    while i < len(found) and j < len(known):
        if abs(found[i] - known[j]) <= 0.07:
            hits, i, j = hits + 1, i + 1, j + 1
        elif found[i] < known[j]:
            i += 1
        else:
            j += 1
    return 2 * hits / max(1, len(found) + len(known))


def printed_numbers(*command):
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return [row for row in rows if row and row[0].replace(".", "").isdigit()]
