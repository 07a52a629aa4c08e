"""What a standard MIDI file says about time: its beats in seconds and where its notes start."""

import struct


def read_variable(data, at):
    value = 0
    while True:
        value = value << 7 | data[at] & 127
        at += 1
        if not data[at - 1] & 128:
            return value, at


def events(path):
    """Ticks of a beat, [(tick, seconds of a beat)], the last tick and the ticks at which notes start."""
    data = path.read_bytes()
    if data[:4] != b"MThd":
        raise ValueError(f"{path}: is no MIDI file")
    ticks = struct.unpack(">H", data[12:14])[0]
    changes, notes, last, at = [], [], 0, 14
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
                if status >> 4 == 9 and data[at + 1]:
                    notes.append(tick)
                at += 1 if status >> 4 in (0xC, 0xD) else 2
        last, at = max(last, tick), end
    changes.sort()
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 0.5))
    return ticks, changes, last, notes


def beats_of(path):
    """Seconds of the beats up to the last note."""
    ticks, changes, last, _ = events(path)
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
