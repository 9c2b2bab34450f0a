# SPDX-License-Identifier: GPL-3.0-or-later
"""What `record` writes can be read by others, and holds what was sent."""
import glob
import json
import os
import signal

from harness.case import main
from harness.programs import run
from harness.sound import read_wav, rms_db
from harness.wait import wait_for
from mesh_case import MeshCase


class RecordTest(MeshCase):
    def record(self, end, **options):
        """Records a tone for at least two seconds, ends the node by end(node); the file's path. self.jack is its JACK."""
        folder = os.path.join(self.stage.folder, "takes")
        os.makedirs(folder)
        jack = self.jack = self.stage.jack()
        server = self.make_server().start()
        porto = self.stage.node("porto", jack, server.url, record=True, record_dir=folder, **options).start()
        jack.wait_ports(porto.send_port())
        self.stage.probe(jack, {porto: [porto]})
        wait_for(lambda: (porto.status()["emitter"]["level_dbfs"] or -200) > -40, 20, "the tone to be sent")
        name = wait_for(lambda: porto.status()["emitter"]["recording"], 20, "a recording")
        before = os.path.getsize(os.path.join(folder, os.path.basename(name)))
        # Two seconds and more of stereo, whatever the sample size; FLAC makes a tone small.
        least = 2 * 48000 * 2 * 4 if options.get("record_format", "wav") == "wav" else 100_000
        wait_for(lambda: os.path.getsize(os.path.join(folder, os.path.basename(name))) > before + least, 30,
                 "two seconds to be recorded")
        end(porto)
        files = glob.glob(os.path.join(folder, "*"))
        self.assertEqual(len(files), 1, files)
        return files[0]

    def check(self, path, codec, seconds=1.5):
        asked = run(["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", path])
        self.assertEqual((asked.returncode, asked.stderr), (0, ""))
        told = json.loads(asked.stdout)
        stream = told["streams"][0]
        self.assertTrue(stream["codec_name"].startswith(codec), stream["codec_name"])
        self.assertEqual((stream["sample_rate"], stream["channels"]), ("48000", 2))
        decoded = os.path.join(self.stage.folder, "decoded.wav")
        done = run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", path, "-c:a", "pcm_s16le", decoded])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rate, _, samples = read_wav(decoded)
        self.assertGreater(len(samples), seconds * rate)
        self.assertGreater(rms_db(samples[len(samples) // 2:]), -40)

    def test_wav(self):
        path = self.record(lambda node: self.assertEqual(node.stop(), 0))
        self.assertTrue(path.endswith(".wav"))
        self.check(path, "pcm")

    def test_flac(self):
        path = self.record(lambda node: self.assertEqual(node.stop(), 0), record_format="flac")
        self.assertTrue(path.endswith(".flac"))
        self.check(path, "flac")

    def end_while_jack_hangs(self, node):
        self.jack.process.signal(signal.SIGSTOP)
        node.process.signal(signal.SIGTERM)
        self.assertEqual(node.process.wait_exit(15), 0)
        self.jack.process.signal(signal.SIGCONT)

    def test_wav_is_closed_though_jack_hangs(self):
        self.check(self.record(self.end_while_jack_hangs), "pcm")

    def test_flac_is_closed_though_jack_hangs(self):
        path = self.record(self.end_while_jack_hangs, record_format="flac")
        asked = run(["ffprobe", "-v", "error", "-show_entries", "stream=duration", "-of", "csv=p=0", path])
        self.assertRegex(asked.stdout, r"^[0-9.]+$", "its length, which is written when it is closed")
        self.check(path, "flac")

    def test_wav_of_a_crash_can_be_read(self):
        # What the header does not yet tell of is lost; that is the last moment, not the recording.
        self.check(self.record(lambda node: node.kill()), "pcm", seconds=0.5)

    def test_flac_of_a_crash_can_be_read(self):
        """Its header tells no length; what is in it can be read all the same."""
        self.check(self.record(lambda node: node.kill(), record_format="flac"), "flac", seconds=0.5)


if __name__ == "__main__":
    main()
