# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a WAV file."""
import array
import math
import sys
import wave


def read_wav(path):
    """(rate, channels, [samples of the first channel, -1…1]) of a 16-bit WAV file."""
    with wave.open(path, "rb") as source:
        if source.getsampwidth() != 2:
            raise ValueError(f"{path}: {8 * source.getsampwidth()} bits")
        samples = array.array("h", source.readframes(source.getnframes()))
        if sys.byteorder == "big":
            samples.byteswap()
        return source.getframerate(), source.getnchannels(), [s / 32768 for s in samples[::source.getnchannels()]]


def rms_db(samples):
    power = sum(s * s for s in samples) / max(1, len(samples))
    return -200.0 if power == 0 else 10 * math.log10(power)


def strongest(samples, rate):
    """(hertz, dBFS) of the strongest tone."""
    import numpy  # pylint: disable=import-outside-toplevel  # the demo has to do without
    window = numpy.hanning(len(samples))
    spectrum = numpy.abs(numpy.fft.rfft(numpy.asarray(samples) * window)) * 2 / window.sum()
    peak = int(spectrum[1:].argmax()) + 1
    return peak * rate / len(samples), 20 * math.log10(max(spectrum[peak], 1e-10))
