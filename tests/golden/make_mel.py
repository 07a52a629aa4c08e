"""Writes mel.inc: mel spectra by librosa of a signal that the test makes again bit for bit.

    pip install librosa==0.11.0 && python3 tests/golden/make_mel.py > tests/golden/mel.inc
"""
import librosa
import numpy as np

N = 12000


def signal():
    """A linear congruential generator on a 23-bit grid, louder towards the end: exact in float32."""
    x, state = np.zeros(N, np.float32), 1
    for i in range(N):
        state = (state * 1664525 + 1013904223) % 2**32
        v = (state >> 9) - 2**22
        x[i] = np.float32(v / 2**22) * np.float32((1 + i // 1500) / 8)
    return x


def rows(name, rate, n_mels, fmin, fmax):
    m = librosa.feature.melspectrogram(y=signal(), sr=rate, n_mels=n_mels, fmin=fmin, fmax=fmax)
    print(f"/* {name}: rate {rate}, {n_mels} bands, {fmin}..{fmax or rate / 2} Hz; frames 0, 5, 12, {m.shape[1] - 1} */")
    print(f"static const float {name}[4][{n_mels}] = {{")
    for k in (0, 5, 12, m.shape[1] - 1):
        text = [f"{v:.9g}" for v in m[:, k].astype(np.float32)]
        text = [t + ("F" if "." in t or "e" in t else ".0F") for t in text]
        print("    {" + ", ".join(text) + "},")
    print("};")


print("/* Made by tests/golden/make_mel.py with librosa", librosa.__version__ + ". */")
rows("golden_mel_22050", 22050, 128, 0, None)
rows("golden_mel_44100", 44100, 40, 30, 16000)
