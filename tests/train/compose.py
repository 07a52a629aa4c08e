#!/usr/bin/env python3
"""Annotated music in a hundred styles: NAME.wav and NAME.beats (seconds<TAB>place in the bar) in a folder.

    compose.py [-n pieces] [-b pieces] [-s seed] PACKAGES FOLDER

PACKAGES holds the Debian packages mma (styles of accompaniment and the program that plays them), python3-mido and
fluid-soundfont-gm, each unpacked in a folder of its name; fluidsynth is on the path. Half are in one of mma's styles
at a tempo that it is played at, half are a band's, whose drums, riffs and bass are drawn on a grid of sixteenths:
chords in a form of eight-bar sections, often a melody on top, now and then without drums or without the chords, at a
tempo that drifts. Names begin with the number of the style, so that styles can be kept apart.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import wave

LENGTH_S = 60
FONT = "fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2"
TEMPOS = [  # beats a minute, in the order of asking; eighths in 6/8
    (r"68", (150, 235)),
    (r"128", (56, 84)),
    (r"slow|ballad|lullaby|spiritual|hymn|evansish|nitejazz", (58, 92)),
    (r"vienese|fastwaltz|fastjazzwaltz|frenchwaltz", (150, 210)),
    (r"waltz", (84, 150)),
    (r"fast|quickstep|polka|samba|bebop|dixie$|bluegrass|gypsy|boggie|merengue|jive|zydeco|charleston|ragtime|mambo",
     (150, 220)),
    (r"swing|bigband|jazz|foxtrot|broadway|showtune", (110, 180)),
    (r"march", (100, 126)),
    (r"funk|soul|strut|chacha|rhumba|beguine|bolero|tango|softrock|folk|rb$|reggae", (84, 126)),
    (r"", (88, 148)),
]
LEFT_OUT = {"none", "metronome", "metronome3", "metronome6", "metronome68"}
PROGRESSIONS = [  # chords of four bars as degrees; capitals are major
    "I V vi IV", "I IV I V", "vi IV I V", "I vi IV V", "ii V I I", "I ii IV V", "i VI III VII", "i iv i v",
    "IV I V vi", "I I IV IV", "I iii IV V", "ii V I vi", "i VII VI V", "I7 I7 IV7 I7", "V7 IV7 I7 V7",
]
DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
NOTES = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]
LEADS = [0, 4, 11, 21, 22, 24, 26, 27, 29, 40, 52, 53, 56, 60, 64, 65, 66, 68, 71, 73, 75]


def chord(degree, key, minor):
    match = re.fullmatch(r"([iIvV]+)(7?)", degree)
    pitch = DEGREES[match[1].upper()]
    if minor and match[1].upper() in ("III", "VI", "VII"):
        pitch -= 1
    return NOTES[(key + pitch) % 12] + ("m" if match[1].islower() else "") + match[2], (key + pitch) % 12


class Style:
    """A file of mma's library: its grooves and the beats of its bars (6: eighths)."""

    def __init__(self, path):
        text = path.read_text(errors="replace")
        self.path, self.name = path, path.stem
        beats = re.search(r"^\s*Time\s+(\d+)", text, re.M | re.I)
        sign = re.search(r"^\s*TimeSig\s+(\d+)[\s/]+(\d+)", text, re.M | re.I)
        self.meter = int(beats[1]) if beats else 0
        sign = (int(sign[1]), int(sign[2])) if sign else (4, 4)
        known = {(4, (4, 4)), (3, (3, 4)), (3, (4, 4)), (6, (6, 8))}
        grooves = re.findall(r"^\s*DefGroove\s+([\w-]+)", text, re.M | re.I)
        self.grooves = [g for g in grooves if not re.search(r"Intro|End|Fill|Tag|Break", g, re.I)][:8]
        self.intro = [g for g in grooves if re.search(r"Intro$", g, re.I)][:2]
        self.good = self.name not in LEFT_OUT and self.grooves and (self.meter, sign) in known
        self.bpm = next(span for pattern, span in TEMPOS if re.search(pattern, self.name))


def score(style, rng, n_bars, bpm):
    """The piece in mma's language, and the root of each bar's chord."""
    key, minor = rng.randrange(12), rng.random() < 0.4
    fitting = [p for p in PROGRESSIONS if p[0].islower() == minor or p[0] in "V"]
    parts = [[d for p in rng.sample(fitting, 2) for d in p.split()] for _ in range(3)]
    grooves = [rng.choice(style.grooves) for _ in range(3)]
    form, lines, roots = rng.choice(["AABA", "ABAC", "AAAB", "ABAB"]), [f"RndSeed {rng.randrange(10**6)}", f"Tempo {bpm:.1f}"], []
    if style.intro and rng.random() < 0.5:
        lines.append(f"Groove stdlib/{style.name}:{rng.choice(style.intro)}")
        intro = 4
    else:
        intro = 0
    for bar in range(n_bars):
        section = (bar - intro) // 8 if bar >= intro else -1
        letter = "ABC".index(form[section % 4]) if section >= 0 else 0
        if (bar - intro) % 8 == 0:
            lines.append(f"Groove stdlib/{style.name}:{grooves[letter]}")
        name, root = chord(parts[letter][(bar - intro) % 8], key, minor)
        lines.append(f"{bar + 1} {name}")
        roots.append((root, name))
    return "\n".join(lines) + "\n", roots


def melody(mido, meter, rng, roots, ticks):
    """A track that sings over the chords, with rests, in phrases that come back."""
    track, events = mido.MidiTrack(), []
    cell = ticks // 2 if rng.random() < 0.6 else ticks
    per_bar = meter * ticks // cell
    rhythms = [[rng.random() < (0.75 if k % 2 == 0 else 0.4) for k in range(2 * per_bar)] for _ in range(2)]
    low, pitch = rng.choice([55, 60, 67]), 0
    level = rng.randint(70, 110)
    for bar, (root, name) in enumerate(roots):
        third = 3 if "m" in name else 4
        tones = [p for p in range(low, low + 20) if (p - root) % 12 in (0, third, 7) or rng.random() < 0.12]
        rhythm = rhythms[(bar // 4) % 2]
        if not tones or bar % 8 == 7:
            continue
        pitch = min(tones, key=lambda p: abs(p - (pitch or low + 8)))
        for k in range(per_bar):
            if not rhythm[(bar % 2) * per_bar + k]:
                continue
            at = (bar * meter * ticks) + k * cell + rng.randint(-ticks // 30, ticks // 30)
            length = cell * rng.choice([1, 1, 2]) * 0.9
            events += [(max(0, at), "note_on", pitch), (int(max(0, at) + length), "note_off", pitch)]
            i = tones.index(pitch) + rng.choice([-2, -1, -1, 0, 1, 1, 2])
            pitch = tones[max(0, min(len(tones) - 1, i))]
    tick = 0
    track.append(mido.Message("program_change", channel=15, program=rng.choice(LEADS), time=0))
    for at, kind, note in sorted(events):
        track.append(mido.Message(kind, channel=15, note=note, velocity=level, time=at - tick))
        tick = at
    return track


def rework(mido, path, meter, rng, roots, bpm):
    """Melody, missing players and a drifting tempo; the seconds of the beats."""
    song = mido.MidiFile(path)
    ticks, bar_ticks = song.ticks_per_beat, song.ticks_per_beat * meter
    without = set()
    if rng.random() < 0.2:
        without = {9} if rng.random() < 0.6 else set(range(16)) - {9, rng.randrange(9)}
    for track in song.tracks:
        kept, held = [], 0
        for m in track:
            if m.type == "set_tempo" or (m.type == "note_on" and m.channel in without):
                held += m.time
                continue
            kept.append(m.copy(time=m.time + held))
            held = 0
        track[:] = kept
    if rng.random() < 0.65 or without:
        song.tracks.append(melody(mido, meter, rng, roots, ticks))
    tempo_track, beats, at_s, drift = mido.MidiTrack(), [], 0.0, 0.0
    steadiness = rng.choice([0, 0.002, 0.006])
    for bar in range(len(roots)):
        drift = 0.85 * drift + rng.gauss(0, steadiness)
        beat_us = round(60e6 / (bpm * (1 + drift)))
        tempo_track.append(mido.MetaMessage("set_tempo", tempo=beat_us, time=bar_ticks if bar else 0))
        for k in range(meter):
            beats.append((at_s, k + 1))
            at_s += beat_us / 1e6
    song.tracks.insert(0, tempo_track)
    song.save(path)
    return beats


def pattern(rng, steps, chances):
    """Velocities of the steps of a bar or two; `chances` is asked for the likelihood of each step."""
    return [rng.randint(80, 115) if rng.random() < chances(k) else 0 for k in range(steps)]


class Groove:
    """What a band plays in one kind of section, on a grid of sixteenths: drums, bass and chords."""

    def __init__(self, rng, meter, bpm):
        steps, bar = 8 * meter, 4 * meter
        fine = rng.random() < max(0, min(0.9, (150 - bpm) / 60))  # sixteenths sound at what tempos
        busy = rng.uniform(0.1, 0.5)
        half_time = meter == 4 and bpm > 110 and rng.random() < 0.25
        backbeat = [8] if half_time else [4, 12] if meter == 4 else rng.choice([[4, 8], [8]])

        def kick(k):
            k %= bar
            if k == 0:
                return 0.95
            if k in backbeat:
                return 0.08
            return busy * (0.9 if k % 4 == 0 else 0.9 if k % 2 == 0 else 0.8 if fine else 0)

        self.kick = pattern(rng, steps, kick)
        snare = [rng.randint(90, 120) if k % bar in backbeat else 0 for k in range(steps)]
        ghosts = rng.random() < 0.3
        self.snare = [v or (rng.randint(25, 50) if ghosts and fine and rng.random() < 0.15 else 0) for v in snare]
        every = rng.choice([1, 2, 2] if fine else [2, 2, 4])
        off = 2 if rng.random() < 0.12 else 0
        self.hat = [rng.randint(50, 75) - (15 if k % (2 * every) else 0)
                    if (k - off) % max(every, 2 * off) == 0 else 0 for k in range(steps)]
        self.cymbal = rng.choice([42, 42, 46, 51, 49, 70, 44])
        riff = pattern(rng, steps, lambda k: 0.95 if k % bar == 0 else (
            0.75 if k % 4 == 0 else 0.55 if k % 2 == 0 else 0.5 if fine else 0))
        self.bass = rng.choice([self.kick, riff, [90 if k % 2 == 0 else 0 for k in range(steps)],
                                [90 if k % 4 == 0 else 0 for k in range(steps)]])
        kinds = {"riff": riff, "pad": [80 if k % bar == 0 else 0 for k in range(steps)],
                 "pulse": [85 - 10 * (k % 4 > 0) if k % (1 if fine and busy > 0.3 else 2) == 0 else 0
                           for k in range(steps)],
                 "off": [85 if k % 4 == 2 else 0 for k in range(steps)]}
        self.broken = rng.random() < 0.3  # one note of the chord after the other
        self.chords = kinds[rng.choice(["riff", "riff", "pad", "pulse", "off"])]
        if self.broken:
            self.chords = kinds["pulse"]


def band(mido, rng, path):
    """A band's piece as MIDI: sections of eight bars with a groove each, fills and a melody."""
    meter = 4 if rng.random() < 0.85 else 3
    bpm = min(205, max(58, 112 * 2 ** rng.gauss(0, 0.42)))
    ticks, n_bars = 480, max(12, int(LENGTH_S * bpm / 60 / meter))
    key, minor = rng.randrange(12), rng.random() < 0.6
    fitting = [p for p in PROGRESSIONS if p[0].islower() == minor or p[0] in "V"]
    parts = [[d for p in rng.sample(fitting, 2) for d in p.split()] for _ in range(3)]
    grooves = [Groove(rng, meter, bpm) for _ in range(3)]
    form = rng.choice(["AABA", "ABAC", "AAAB", "ABAB"])
    swing = rng.uniform(0.54, 0.66) if rng.random() < 0.2 else 0.5
    loose = rng.choice([0, 4, 10])
    programs = {"bass": rng.choice([32, 33, 34, 35, 36, 38]),
                "chords": rng.choice([0, 1, 4, 6, 11, 16, 18, 24, 25, 27, 28, 29, 29, 30, 30, 46, 48, 50, 81, 89])}
    notes, roots = {"drums": [], "bass": [], "chords": []}, []

    def put(part, step, pitch, velocity, length):
        beat, inside = divmod(step, 4)
        where = [0, swing / 2, swing, (1 + swing) / 2][inside]
        at = max(0, round((beat + where) * ticks) + rng.randint(-loose, loose))
        notes[part] += [(at, 1, pitch, velocity), (at + length, 0, pitch, 0)]

    for bar in range(n_bars):
        letter = "ABC".index(form[bar // 8 % 4])
        groove, (name, root) = grooves[letter], chord(parts[letter][bar % 8], key, minor)
        roots.append((root, name))
        third = 3 if "m" in name else 4
        tones = [48 + root, 48 + root + third, 55 + root, 60 + root]
        fill = rng.choice([4, 8]) if bar % 8 == 7 and rng.random() < 0.6 else 0
        for k in range(4 * meter):
            step, own = bar * 4 * meter + k, (bar % 2) * 4 * meter + k
            if k >= 4 * meter - fill:
                put("drums", step, rng.choice([38, 45, 47, 50, 41]), rng.randint(70, 115), 60)
            else:
                for line, pitch in ((groove.kick, 36), (groove.snare, 38), (groove.hat, groove.cymbal)):
                    if line[own]:
                        put("drums", step, pitch, line[own], 60)
            if bar % 8 == 0 and k == 0 and rng.random() < 0.7:
                put("drums", step, 49, 105, 60)
            if groove.bass[own]:
                put("bass", step, 28 + (root + 8) % 12 + (7 if rng.random() < 0.1 else 0), groove.bass[own], 150)
            if groove.chords[own]:
                pitches = [tones[k // 2 % 4]] if groove.broken else tones
                held = ticks * meter - 20 if sum(map(bool, groove.chords)) <= 2 else rng.choice([90, 200])
                for pitch in pitches:
                    put("chords", step, pitch, groove.chords[own], held)
    song = mido.MidiFile(ticks_per_beat=ticks)
    for channel, part in ((9, "drums"), (1, "bass"), (2, "chords")):
        track, tick = mido.MidiTrack(), 0
        if part in programs:
            track.append(mido.Message("program_change", channel=channel, program=programs[part]))
        for at, on, pitch, velocity in sorted(notes[part]):
            track.append(mido.Message("note_on" if on else "note_off", channel=channel, note=pitch,
                                      velocity=velocity, time=at - tick))
            tick = at
        song.tracks.append(track)
    song.save(path)
    return meter, bpm, roots


def compose(packages, out, number, seed, styles):
    """One piece: in a style, or a band's where there are no styles."""
    import mido

    rng = random.Random(f"{seed} {number}")
    style = styles[number % len(styles)] if styles else None
    name = f"{number % len(styles) if styles else 1000 + number:04d}_{number:05d}"
    if (out / f"{name}.beats").exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if style:
            meter, bpm = style.meter, rng.uniform(*style.bpm)
            text, roots = score(style, rng, max(12, int(LENGTH_S * bpm / 60 / meter)), bpm)
            (folder / "a.mma").write_text(text)
            own = dict(os.environ, HOME=str(folder), MMA_HOME=str(packages / "mma/usr/share/mma"))
            run = subprocess.run(
                [sys.executable, str(packages / "mma/usr/bin/mma"), "-f", str(folder / "a.mid"), str(folder / "a.mma")],
                capture_output=True, text=True, env=own)
            if not (folder / "a.mid").exists():
                return f"{style.name}: {(run.stdout + run.stderr).strip().splitlines()[-1:]}"
        else:
            meter, bpm, roots = band(mido, rng, folder / "a.mid")
        beats = rework(mido, folder / "a.mid", meter, rng, roots, bpm)
        subprocess.run(["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", "44100", "-T", "wav", "-O", "s16", "-F",
                        str(folder / "a.wav"), str(packages / FONT), str(folder / "a.mid")],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end_s = beats[-1][0]
        with wave.open(str(folder / "a.wav")) as sound, wave.open(str(out / f"{name}.wav"), "wb") as kept:
            kept.setparams(sound.getparams())
            kept.writeframes(sound.readframes(int((end_s + 1.5) * sound.getframerate())))
    lines = [f"{at:.4f}\t{place}\n" for at, place in beats]
    (out / f"{name}.beats").write_text("".join(lines))
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("-n", type=int, default=380, help="pieces in mma's styles")
    parser.add_argument("-b", type=int, default=400, help="pieces of a band")
    parser.add_argument("-s", type=int, default=1)
    a = parser.parse_args()
    sys.path.insert(0, str(a.packages / "python3-mido/usr/lib/python3/dist-packages"))
    styles = [Style(p) for p in sorted((a.packages / "mma/usr/share/mma/lib/stdlib").glob("*.mma"))]
    styles = [s for s in styles if s.good]
    if not styles or not (a.packages / FONT).exists():
        sys.exit(f"compose: {a.packages}: the packages' files are not there")
    if not shutil.which("fluidsynth"):
        sys.exit("compose: fluidsynth is not installed")
    a.out.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(compose, a.packages, a.out, k, a.s, styles) for k in range(a.n)]
        jobs += [pool.submit(compose, a.packages, a.out, k, a.s, None) for k in range(a.b)]
        for k, job in enumerate(jobs):
            fault = job.result()
            if fault:
                print(f"compose: {fault}: left out", file=sys.stderr)
            if (k + 1) % 40 == 0:
                print(f"{k + 1} of {a.n + a.b}", file=sys.stderr)


if __name__ == "__main__":
    main()
