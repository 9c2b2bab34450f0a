# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs as people and scripts call them: options, exit statuses, messages, matrizctl, the console."""
import glob
import json
import os
import pty
import re
import signal
import socket
import unittest

from harness.case import StageCase, main
from harness.certificates import Authority
from harness.jack import ENVIRONMENT
from harness.process import Process
from harness.programs import ROOT, http_get, program, run, write_json
from harness.rtsp import request
from harness.space import Space, why_not as why_no_space
from harness.wait import wait_for
from mesh_case import MeshCase


class CommandLineTest(StageCase):
    def test_help_and_version(self):
        for name in ("matriz", "matriz-configserver", "matrizctl"):
            with self.subTest(program=name):
                told = run([program(name), "--help"])
                self.assertEqual((told.returncode, told.stderr), (0, ""))
                self.assertIn(name, told.stdout)
                told = run([program(name), "--version"])
                self.assertEqual((told.returncode, told.stderr), (0, ""))
                self.assertRegex(told.stdout, r"\d+\.\d+\.\d+")

    def test_bad_config_names_file_line_and_key(self):
        path = os.path.join(self.stage.folder, "client.json")
        with open(path, "w", encoding="utf-8") as out:
            out.write('{\n  "name": "porto",\n  "port": 70000\n}\n')
        for options in ([], ["--check"]):
            told = run([program("matriz"), *options, path])
            self.assertEqual(told.returncode, 2, told.stderr)
            self.assertRegex(told.stderr, r"client\.json:3: port: .*70000.*65535")

    def test_what_start_would_not_take_check_does_not_take(self):
        path = os.path.join(self.stage.folder, "client.json")
        mine, yours = (Authority(self.stage.folder, name).issue("porto") for name in ("mine", "yours"))
        for config, said in (({"receive_from_ip": "999.1.1.1"}, r"2: receive_from_ip: .*999\.1\.1\.1.*IP address or host name"),
                             ({"ca_crt": path}, r"2: ca_crt: .*holds no certificate.*PEM"),
                             ({"client_crt": path, "client_pem": mine[1]}, r"2: client_crt: .*holds no certificate.*PEM"),
                             ({"client_crt": mine[0], "client_pem": path}, r"3: client_pem: .*holds no private key.*PEM"),
                             ({"client_crt": mine[0], "client_pem": yours[1]}, r"3: client_pem: .*is not the private key"),
                             ({"interface": "eth/0"}, r"2: interface: .*cannot be.*accepted")):
            write_json(path, config)
            for options in ([], ["--check"]):
                with self.subTest(config=config, options=options):
                    told = run([program("matriz"), *options, path])
                    self.assertEqual(told.returncode, 2, told.stderr)
                    self.assertRegex(told.stderr, rf"(?m)^\S*client\.json:{said}")

    def test_a_network_card_may_come_later(self):
        path = write_json(os.path.join(self.stage.folder, "client.json"), {"interface": "matriz-none0", "url": ""})
        told = run([program("matriz"), "--check", path])
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout + told.stderr, r"client\.json:2: interface: there is no .*matriz-none0.* now")
        told = run([program("matriz"), path])
        self.assertEqual(told.returncode, 1, "one that systemd tries again")
        self.assertRegex(told.stderr, r'matriz: interface: there is no network interface "matriz-none0"; there are: .*\blo\b')

    def test_missing_config(self):
        told = run([program("matriz"), os.path.join(self.stage.folder, "nothing.json")])
        self.assertEqual(told.returncode, 2)
        self.assertIn("nothing.json", told.stderr)

    def test_bad_command_line(self):
        for options in (["--nonsense"], ["a.json", "b.json"]):
            told = run([program("matriz"), *options])
            self.assertEqual(told.returncode, 2, told.stderr)
            self.assertIn("see matriz --help", told.stderr)

    def test_bad_server_config(self):
        path = os.path.join(self.stage.folder, "clients.json")
        with open(path, "w", encoding="utf-8") as out:
            out.write('{\n  "client_keys": [\n    {"name": 7, "key": "k"}\n  ]\n}\n')
        told = run([program("matriz-configserver"), path])
        self.assertEqual(told.returncode, 2, told.stderr)
        self.assertRegex(told.stderr, r"clients\.json:3: client_keys\[0\]")

    def test_config_of_the_current_directory(self):
        write_json(os.path.join(self.stage.folder, "client.json"), {"name": "porto"})
        told = run([program("matriz"), "--check"], cwd=self.stage.folder)
        self.assertEqual(told.returncode, 0, told.stderr)

    def test_original_config_passes(self):
        path = write_json(os.path.join(self.stage.folder, "client.json"), {
            "key": "key2", "name": "porto", "url": "ws://example.org:5000/config", "port": 8554, "record": False,
            "receive": True, "client_pem": "", "client_crt": "", "ca_crt": "", "interface": "",
            "receive_from_ip": None, "receive_from_port": None, "python": "/usr/bin/python3"})
        told = run([program("matriz"), "--check", path])
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("python", told.stdout + told.stderr)

    def test_unknown_key_warns(self):
        path = write_json(os.path.join(self.stage.folder, "client.json"), {"name": "porto", "chanels": 2})
        told = run([program("matriz"), "--check", path])
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout + told.stderr, r"client\.json:3: chanels: .*channels")

    def test_example_configs(self):
        examples = sorted(glob.glob(os.path.join(ROOT, "config", "client*.json")))
        self.assertGreaterEqual(len(examples), 3)
        for path in examples:
            of_server = os.path.basename(path).startswith("clients")
            with self.subTest(example=os.path.basename(path)):
                told = run([program("matriz-configserver" if of_server else "matriz"), "--check", path])
                self.assertEqual(told.returncode, 0, told.stderr)
                self.assertNotRegex(told.stdout + told.stderr, r"json:\d+:", "a warning about an example")


class RunningTest(MeshCase):
    def test_port_taken(self):
        self.may_die = True
        jack = self.stage.jack()
        server = self.make_server().start()
        porto = self.stage.node("porto", jack, server.url)
        with socket.create_server(("0.0.0.0", porto.rtsp_port)):
            porto.start()
            self.assertEqual(porto.process.wait_exit(20), 1)
            self.assertRegex(porto.process.log(), rf"cannot listen on \S*:{porto.rtsp_port}/stream: .*in use")

    @unittest.skipIf(why_no_space(), why_no_space())
    def test_a_new_lease_on_its_interface(self):
        space = Space("porto")
        self.stage.defer(space.close)
        space.ip("link add card type veth peer name wire")
        space.ip("addr add 10.7.0.1/24 dev card")
        for end in "card", "wire":
            space.ip(f"link set {end} up")
        porto = self.stage.node("porto", self.stage.jack(), None, url="", host=space, interface="card", allow=["10.0.0.0/8"]).start()

        def answers(address):
            return wait_for(lambda: space.call(request, address, porto.rtsp_port)[0] == 200, 20, f"the stream at {address}")

        porto.process.wait_log(rf"porto sends on rtsp://10\.7\.0\.1:{porto.rtsp_port}/stream")
        answers("10.7.0.1")
        space.ip("addr del 10.7.0.1/24 dev card")
        space.ip("addr add 10.8.0.1/24 dev card")
        porto.process.wait_log(rf"offering rtsp://10\.8\.0\.1:{porto.rtsp_port}/stream")
        answers("10.8.0.1")

    def test_sigterm_and_sigint_end_cleanly(self):
        jack = self.stage.jack()
        server = self.make_server().start()
        for number in (signal.SIGTERM, signal.SIGINT):
            porto = self.stage.node("porto", jack, server.url, jack_client=f"porto{number}").start()
            jack.wait_ports(f"porto{number}-send:in_send_1")
            porto.process.signal(number)
            self.assertEqual(porto.process.wait_exit(), 0)
        server.process.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait_exit(), 0)

    def test_console_deregister_and_end(self):
        jack = self.stage.jack()
        server = self.make_server().start()
        porto = self.stage.node("porto", jack, server.url)
        write_json(porto.config_path, porto.config)
        ours, theirs = pty.openpty()
        porto.process = Process("porto", [program("matriz"), porto.config_path], porto.log_path, stdin=theirs,
                                env=ENVIRONMENT, terminal=True)
        os.close(theirs)
        self.wait_names(server, "porto")
        os.write(ours, b"deregister\n")
        self.wait_names(server)
        self.assertTrue(porto.process.running())
        os.write(ours, b"end\n")
        self.assertEqual(porto.process.wait_exit(), 0)
        os.close(ours)

    def test_status_metrics_and_matrizctl(self):
        jack, _, nodes = self.make_mesh("porto", "lisboa")
        porto = nodes[0]
        probe = self.probe_all(jack, nodes)
        address = f"127.0.0.1:{porto.control_port}"
        code, metrics = http_get(f"http://{address}/metrics")
        self.assertEqual(code, 200)
        for line in metrics.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) .+|[a-z_:][a-z0-9_:]*(\{.*\})? [-+0-9.eE]+(Inf|NaN)?)$')
        self.assertRegex(metrics, r'peer="lisboa"')
        self.assertEqual(http_get(f"http://{address}/nothing")[0], 404)

        ctl = [program("matrizctl"), "--control", address]
        table = run([*ctl, "status"])
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertRegex(table.stdout, r"(?m)lisboa.*playing")
        as_json = run([*ctl, "status", "--json"])
        self.assertEqual(as_json.returncode, 0, as_json.stderr)
        self.assertEqual([p["name"] for p in json.loads(as_json.stdout)["peers"]], ["lisboa"])
        watch = self.stage.process("watch", [*ctl, "status", "--watch"])
        wait_for(lambda: len(re.findall("lisboa", watch.log())) >= 2, 15, "a second picture")
        watch.signal(signal.SIGINT)
        self.assertIn(watch.wait_exit(), (0, 130, -2))
        probe.wait_heard()

        porto.leave()
        nobody = run([*ctl, "status"])
        self.assertNotEqual(nobody.returncode, 0)
        self.assertIn(address, nobody.stderr)

    def test_no_web_page_reads_the_status(self):
        jack, _, (porto,) = self.make_mesh("porto")
        self.assertTrue(jack.ports())
        with socket.create_connection(("127.0.0.1", porto.control_port)) as link:
            link.sendall(b"GET /status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            self.assertRegex(link.recv(1000), rb"^HTTP/1\.1 4\d\d")


if __name__ == "__main__":
    main()
