"""The environment's rules in plain Python, for Jobs that ask for a window only: an independent reading of
docs/environment.md that the tests compare with the C step by step, and what the benchmark calls plain Python. Menus are
given, and so is whether a fade longer than short is possible (and with it whether a jump that waits in one may be moved);
there are no observations and no rewards."""

BEAT, MAX_CUTS, FREE_UNITS = 0, 8, 256
CUT, REST, LOOP, CROSSFADE, REORDER, ACTIONS = 4, 8, 9, 21, 181, 197
FADES, TARGETS, PAIRS = 5, 32, 16


class PlainSong:
    """Units of one recording: where each span that holds a unit ends, and whether it starts there."""

    def __init__(self, units, n_samples, tune, tunes_of_takes):
        self.n = len(units)
        self.start = [int(s) for s in units["start_sample"]] + [n_samples]
        self.kind = [int(k) for k in units["kind"]]
        numbers = [[int(x) for x in units[name]] for name in ("bar", "phrase", "section")]
        takes = [int(t) for t in units["take"]]
        self.other = [t >= 0 and tunes_of_takes[t] != tune for t in takes]  # never kept
        self.ends = [[u + 1] * 4 for u in range(self.n)]
        self.starts = [[True] * 4 for u in range(self.n)]
        for k, number in enumerate(numbers, 1):
            first = 0
            for u in range(1, self.n + 1):
                if u < self.n and number[u] >= 0 and number[u] == number[first] and takes[u] == takes[first]:
                    continue
                for v in range(first, u):
                    if number[first] >= 0:
                        self.ends[v][k], self.starts[v][k] = u, v == first
                first = u
        allowed = [self.start[u + 1] - self.start[u] for u in range(self.n) if not self.other[u]]
        self.shortest = min(allowed)
        self.first_beat = next(u for u in range(self.n) if self.kind[u] == BEAT and not self.other[u])


class PlainEnv:
    def __init__(self, song, lo, hi):
        self.song, self.lo, self.hi = song, lo, hi
        self.playhead = self.length = self.cuts = self.owed = self.fade = self.steps = 0
        self.out, self.done = [], False
        self.settle()

    @property
    def last(self):
        return self.out[-1] if self.out else -1

    def fits(self, a, b, times=1):
        s = self.song
        return b <= s.n and not any(s.other[a:b]) and self.length + times * (s.start[b] - s.start[a]) <= self.hi

    @property
    def in_flight(self):
        """A jump that has not landed."""
        return self.owed > 0 and self.playhead != self.last + 1

    @property
    def unsure(self):
        """Whether it may be moved is not known here."""
        return self.in_flight and self.fade > 0

    def may_cut(self, to):
        if self.cuts == MAX_CUTS or not self.owed:
            return self.cuts < MAX_CUTS
        return self.in_flight and to != self.last + 1 and self.fits(to, to + self.owed)

    def mask(self, target, pair):
        """As the C has it, but for the fades longer than short."""
        s, p, m = self.song, self.playhead, [0] * ACTIONS
        if p < s.n:
            ends, starts = s.ends[p], s.starts[p]
            for k in range(4):
                if k == 0 or ends[k] != ends[k - 1]:
                    m[k] = self.fits(p, ends[k])
                    m[CUT + k] = self.may_cut(ends[k])
                same = any(starts[i] and ends[i] == ends[k] for i in range(k))
                if self.owed <= 1 and s.kind[p] == BEAT and starts[k] and not same:
                    for times in (2, 3, 4):
                        m[LOOP + 3 * k + times - 2] = self.fits(p, ends[k], times)
        m[REST] = self.may_rest()
        if self.owed:
            return m
        for i, v in enumerate(target):
            if v >= 0 and not (v == p and (self.last < 0 or v == self.last + 1)):
                m[CROSSFADE + FADES * i] = self.fits(v, v + 1)
        for i, (a, go_on) in enumerate(pair):
            if a >= 0 and self.last >= 0:
                b = s.ends[a][3]
                more = s.start[go_on + 1] - s.start[go_on]
                self.length += more
                m[REORDER + i] = self.fits(a, b) and not s.other[go_on]
                self.length -= more
        return m

    def may_rest(self):
        return bool(self.out) and not self.owed and self.length >= self.lo

    def append(self, a, b):
        self.out.extend(range(a, b))
        self.length += self.song.start[b] - self.song.start[a]
        self.owed = max(0, self.owed - (b - a))
        self.cuts, self.fade, self.playhead = 0, 0, b

    def step(self, action, target, pair):
        s, p = self.song, self.playhead
        if action < CUT:
            self.append(p, s.ends[p][action])
        elif action < REST:
            self.playhead = s.ends[p][action - CUT]
            self.cuts += 1
        elif action == REST:
            self.done = True
        elif action < CROSSFADE:
            k, times = divmod(action - LOOP, 3)
            end = s.ends[p][k]
            for _ in range(times + 2):
                self.append(p, end)
        elif action < REORDER:
            i, fade = divmod(action - CROSSFADE, FADES)
            self.playhead, self.fade, self.owed = target[i], fade, (1, 1, 1, 2, 4)[fade]
        else:
            a, go_on = pair[action - REORDER]
            self.append(a, s.ends[a][3])
            self.playhead, self.fade, self.owed = go_on, 0, 1
        self.settle()

    def settle(self):
        """Plays what is forced: a jump's only way on, and the end when nothing more fits."""
        while not self.done:
            if self.may_rest() and self.length + self.song.shortest > self.hi:
                self.done = True
            elif self.unsure:
                return
            elif self.owed:
                legal = [a for a, x in enumerate(self.mask((), ())) if x]
                if len(legal) != 1:
                    return
                p = self.playhead
                self.append(p, self.song.ends[p][legal[0]])
            else:
                return
