# SPDX-License-Identifier: GPL-3.0-or-later
"""Reload, hooks, the store, the service manager, logs."""
import json
import os
import resource
import signal
import socket
import sqlite3
import sys

from harness.case import main
from harness.programs import ROOT, http_get, program, run, write_json
from harness.wait import wait_for
from server_case import MONITOR_KEY, SOCKET_TIMEOUT, ServerCase, connect, key_of


class ReloadTest(ServerCase):
    def reload(self, server):
        before = server.process.log().count("config reloaded")
        write_json(server.config_path, server.config)
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: server.process.log().count("config reloaded") > before, 10, "the reload")

    def test_keys_and_rooms(self):
        server = self.serve("porto", "lisboa", "braga", rooms=[{"name": "fado"}, {"name": "guests", "key": "come-in"}])
        porto, lisboa = self.join(server, "porto"), self.join(server, "lisboa")
        braga, ana = self.join(server, "braga", room="fado"), self.join(server, "ana", "come-in")
        self.assertEqual(self.refused(server, "faro"), "key")
        server.config["client_keys"] = [k for k in server.config["client_keys"] if k["name"] != "lisboa"]
        server.config["client_keys"].append({"name": "faro", "key": key_of("faro")})
        server.config["rooms"] = [{"name": "guests", "key": "come-in"}]
        self.reload(server)
        self.assertTrue(lisboa.closed.wait(10), "its key is gone")
        self.assertTrue(braga.closed.wait(10), "its room is gone")
        porto.wait_message(lambda m: m.get("message") == "[lisboa] disconnected from config server", "lisboa's leaving")
        self.assertFalse(porto.closed.is_set() or ana.closed.is_set())
        faro = self.join(server, "faro")
        self.assertEqual(faro.names(), ["faro", "porto"])
        self.assertEqual(self.refused(server, "lisboa"), "key")

    def test_hashed_keys_stay(self):
        told = run([program("matriz-configserver"), "--new-key", "ana"])
        key, hashed = (told.stdout.split(f'"{what}": "')[1].split('"')[0] for what in ("key", "key_hash"))
        server = self.serve("porto", start=False)
        server.config["client_keys"].append({"name": "ana", "key_hash": hashed})
        server.start()
        ana, porto = self.join(server, "ana", key), self.join(server, "porto")
        server.config["client_keys"].append({"name": "faro", "key": key_of("faro")})
        self.reload(server)
        porto.send({"mark": 1})
        ana.wait_message(lambda m: "mark" in m, "the word")
        server.config["client_keys"] = [k for k in server.config["client_keys"] if k["name"] != "ana"]
        self.reload(server)
        self.assertTrue(ana.closed.wait(10))

    def test_a_bad_config_changes_nothing(self):
        server = self.serve("porto")
        porto = self.join(server, "porto")
        with open(server.config_path, "w", encoding="utf-8") as out:
            out.write('{\n  "client_keys": 7\n}\n')
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: "clients.json:2: client_keys: 7" in server.process.log(), 10, "the complaint")
        self.assertFalse(porto.closed.is_set())
        self.join(server, "porto")


class HookTest(ServerCase):
    def script(self, text):
        path = os.path.join(self.stage.folder, "hook.sh")
        with open(path, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def test_on_change_gets_the_list(self):
        told = os.path.join(self.stage.folder, "told")
        script = self.script(f'echo "$1" > "{told}.argument"; cat > "{told}.$$" && mv "{told}.$$" "{told}"\n')
        server = self.serve("porto", "lisboa", on_change=[script, "one; two $HOME"], on_change_delay_ms=50)
        port = self.stage.block.take()
        self.join(server, "porto", port=port)

        def names():
            with open(told, encoding="utf-8") as out:
                return [[c["name"] for c in room["clients"]] for room in json.load(out)["rooms"]]
        wait_for(lambda: names() == [["porto"]], 10, "the first list")
        with open(told, encoding="utf-8") as out:
            self.assertEqual(json.load(out), {"rooms": [{"name": "default", "clients": [
                {"name": "porto", "ip": "127.0.0.1", "port": port, "stream": False}]}]})
        with open(told + ".argument", encoding="utf-8") as out:
            self.assertEqual(out.read(), "one; two $HOME\n")
        lisboa = self.join(server, "lisboa")
        wait_for(lambda: names() == [["porto", "lisboa"]], 10, "the second list")
        lisboa.deregister()
        wait_for(lambda: names() == [["porto"]], 10, "the third list")

    def test_a_hook_that_hangs_or_fails_harms_nobody(self):
        alive = os.path.join(self.stage.folder, "child")
        script = self.script(f'sleep 1000 & echo $! > "{alive}"; wait\n')
        server = self.serve("porto", "lisboa", on_change=[script], on_change_delay_ms=0, on_change_timeout_s=3)
        self.join(server, "porto")
        lisboa = self.join(server, "lisboa")
        self.assertEqual(lisboa.names(), ["lisboa", "porto"])

        def child():
            with open(alive, encoding="ascii") as written:
                return written.read().strip()
        pid = wait_for(child, 3, "the hook to start its child")
        wait_for(lambda: "did not end within 3 s; killed" in server.process.log(), 20, "the time-out")

        def ended():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                    return stat.read().split()[2] == "Z"
            except FileNotFoundError:
                return True
        wait_for(ended, 10, "what the hook started to be ended too")
        for command, said in ((["/no/such/program"], "cannot run"), (["false"], "ended with status 1")):
            server.config.update({"on_change": command, "client_keys": server.config["client_keys"]})
            write_json(server.config_path, server.config)
            before = server.process.log().count("config reloaded")
            server.process.signal(signal.SIGHUP)
            wait_for(lambda: server.process.log().count("config reloaded") > before,  # pylint: disable=cell-var-from-loop
                     10, "the reload")
            lisboa.send({"deregister": ""})
            self.assertTrue(lisboa.closed.wait(10))
            wait_for(lambda: said in server.process.log(), 10, said)  # pylint: disable=cell-var-from-loop
            lisboa = self.join(server, "lisboa")

    def test_template(self):
        template, output = (os.path.join(self.stage.folder, name) for name in ("radio.liq.in", "radio.liq"))
        with open(template, "w", encoding="utf-8") as out:
            out.write('{{#clients}}{{id}} = "{{ip}}:{{port}}"  # {{name}}\n{{/clients}}end\n')
        server = self.serve("porto", render_template=template, render_output=output, on_change_delay_ms=0,
                            rooms=[{"name": "guests", "key": "come-in"}])

        def rendered():
            with open(output, encoding="utf-8") as text:
                return text.read()
        wait_for(lambda: rendered() == "end\n", 10, "the empty output")
        self.join(server, "porto", port=8554)
        wait_for(lambda: rendered() == 'porto = "127.0.0.1:8554"  # porto\nend\n', 10, "porto")
        evil = '9"#{process.run("x")}\\'
        self.join(server, evil, "come-in", port=1)
        wait_for(lambda: rendered().count("\n") == 3, 10, "the stranger")
        line = rendered().splitlines()[1]
        self.assertTrue(line.startswith('_9___process_run__x____ = "127.0.0.1:1"'), line)
        self.assertNotIn("#{", line)
        self.assertEqual(line.count('"'), 2)
        with open(template, "w", encoding="utf-8") as out:
            out.write("{{#nonsense}}{{/nonsense}}")
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: "there is no section" in server.process.log(), 10, "the complaint")
        self.assertEqual(rendered().count("\n"), 3)


    def test_example_template(self):
        output = os.path.join(self.stage.folder, "radio.liq")
        server = self.serve("porto", render_template=os.path.join(ROOT, "config", "radio.liq.in"), render_output=output,
                            on_change_delay_ms=0)

        def rendered():
            with open(output, encoding="utf-8") as text:
                return text.read()
        wait_for(lambda: "output.icecast" in rendered(), 10, "the script")
        with socket.create_server(("127.0.0.1", 0)) as rtsp:
            port = rtsp.getsockname()[1]
            self.join(server, "porto", port=port)
            wait_for(lambda: f'input.ffmpeg("rtsp://127.0.0.1:{port}/stream"), # porto in default' in rendered(), 10,
                     "porto's stream")
        self.assertNotIn("{{", rendered())


class StoreTest(ServerCase):
    may_die = True

    def put(self, server, hears):
        return self.http(server, "PUT", "/rooms/default/routes", MONITOR_KEY, {"hears": hears})

    def start_fails(self, server):
        told = run([program("matriz-configserver"), "--listen", f"127.0.0.1:{server.port}", server.config_path])
        self.assertEqual(told.returncode, 1, told.stderr)
        return told.stderr

    def test_damaged_or_foreign_files_are_left_alone(self):
        server = self.serve("porto")
        self.assertEqual(self.put(server, {"porto": []})[0], 200)
        server.stop()
        path = os.path.join(server.folder, "clients.sqlite")
        with open(path, "rb") as store:
            good = store.read()
        for damaged, said in ((b"rubbish" * 1000, "damaged"), (good[:4096] + b"\xff" * (len(good) - 4096), "damaged"),
                              (good[:5000], "damaged")):
            with open(path, "wb") as store:
                store.write(damaged)
            self.assertIn(said, self.start_fails(server))
            with open(path, "rb") as store:
                self.assertEqual(store.read(), damaged, "it was changed")
        os.unlink(path)
        with sqlite3.connect(path) as foreign:
            foreign.execute("CREATE TABLE mine (x)")
        foreign.close()
        self.assertIn("another program's", self.start_fails(server))
        os.unlink(path)
        os.mkdir(path)
        self.assertIn(path, self.start_fails(server))
        os.rmdir(path)
        with open(path, "wb") as store:
            store.write(good)
        server.start()
        self.assertEqual(self.http(server, "GET", "/rooms/default/routes", MONITOR_KEY)[1], {"hears": {"porto": []}})

    def test_two_servers_one_store(self):
        server = self.serve("porto")
        self.assertEqual(self.put(server, {"porto": []})[0], 200)
        other = f"127.0.0.1:{self.stage.block.take()}"
        told = run([program("matriz-configserver"), "--listen", other, server.config_path])
        self.assertEqual(told.returncode, 1)
        self.assertIn("in use by another server", told.stderr)

    def test_full_disk(self):
        """A file that may not grow is what a full disk is, without filling one."""
        server = self.serve("porto", "lisboa")
        self.assertEqual(self.put(server, {"porto": []})[0], 200)
        lisboa = self.join(server, "lisboa")
        pid = server.process.popen.pid
        size = os.stat(os.path.join(server.folder, "clients.sqlite")).st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        code, answer = self.put(server, {f"node {i}": ["x" * 60] for i in range(500)})
        self.assertEqual((code, answer["error"]), (507, "store"), answer)
        self.assertEqual(self.http(server, "GET", "/rooms/default/routes", MONITOR_KEY)[1], {"hears": {"porto": []}})
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(self.put(server, {"porto": ["lisboa"]})[0], 200)
        self.assertFalse(lisboa.closed.is_set())
        server.kill()
        server.start()
        self.assertEqual(self.http(server, "GET", "/rooms/default/routes", MONITOR_KEY)[1],
                         {"hears": {"porto": ["lisboa"]}})

    def test_every_change_says_that_it_could_not_be_stored(self):
        server = self.serve("porto")
        code, made = self.http(server, "POST", "/keys", MONITOR_KEY, {"name": "ana"})
        self.assertEqual(code, 201)
        monitor = self.monitor(server)
        resource.prlimit(server.process.popen.pid, resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
        for method, path, body in (("POST", "/keys", {"name": "ana"}), ("POST", "/keys", {"name": "eva"}),
                                   ("DELETE", "/keys/ana", None), ("PUT", "/rooms/default/routes", {"hears": {"porto": []}})):
            code, answer = self.http(server, method, path, MONITOR_KEY, body)
            self.assertEqual((code, answer["error"]), (507, "store"), (method, path, answer))
        self.assertEqual(self.refusal(monitor, {"set_routes": {"hears": {"porto": []}}})["error"], "store")
        self.assertEqual(self.http(server, "GET", "/rooms/default/routes", MONITOR_KEY)[1], {"hears": None})
        self.assertEqual(self.http(server, "GET", "/keys", MONITOR_KEY)[1], {"keys": [{"name": "ana", "rooms": []}]})
        self.join(server, "ana", made["key"])
        resource.prlimit(server.process.popen.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(self.http(server, "DELETE", "/keys/ana", MONITOR_KEY)[0], 204)

    def test_a_store_that_is_taken_away(self):
        server = self.serve("porto")
        self.assertEqual(self.put(server, {"porto": []})[0], 200)
        path = os.path.join(server.folder, "clients.sqlite")
        os.rename(path, path + ".away")
        code, answer = self.put(server, {"porto": ["lisboa"]})
        self.assertEqual((code, answer["error"]), (507, "store"))
        self.assertIn("moved or deleted", answer["message"])
        os.rename(path + ".away", path)
        self.assertEqual(self.put(server, {"porto": ["lisboa"]})[0], 200)
        server.kill()
        server.start()
        self.assertEqual(self.http(server, "GET", "/rooms/default/routes", MONITOR_KEY)[1], {"hears": {"porto": ["lisboa"]}})


class ServiceTest(ServerCase):
    def test_service_manager(self):
        """sd_notify: ready when it listens, alive while it works, reloading, stopping."""
        path = os.path.join(self.stage.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(SOCKET_TIMEOUT)
            port = self.stage.block.take()
            config = write_json(os.path.join(self.stage.folder, "n.json"), {"listen": f"127.0.0.1:{port}"})
            process = self.stage.process("notified", [program("matriz-configserver"), config],
                                         env={**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})

            def hear(word):
                while word not in (got := manager.recv(4096).decode()):
                    pass
                return got
            hear("READY=1")
            self.assertEqual(http_get(f"http://127.0.0.1:{port}/healthz")[0], 200)
            hear("WATCHDOG=1")
            hear("WATCHDOG=1")
            process.signal(signal.SIGHUP)
            hear("RELOADING=1")
            hear("READY=1")
            process.signal(signal.SIGTERM)
            hear("STOPPING=1")
            self.assertEqual(process.wait_exit(), 0)

    def test_log_as_json(self):
        port = self.stage.block.take()
        config = write_json(os.path.join(self.stage.folder, "j.json"),
                            {"listen": f"127.0.0.1:{port}", "unknown": 1, "client_keys": [{"name": "porto", "key": "k"}]})
        process = self.stage.process("json", [program("matriz-configserver"), "--log-json", config])
        wait_for(lambda: http_get(f"http://127.0.0.1:{port}/healthz")[0] == 200, 10, "an answer")
        for strange in ("%ff%fe", "%c3%28%ed%a0%80%f5", "%c2%9b31m", "caf%c3%a9%22%5c"):
            with connect(port) as link:
                link.sendall(f"GET /{strange} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n".encode())
                self.assertIn(b" 401 ", link.recv(1000))
        process.stop()
        with open(process.log_path, "rb") as log:  # as bytes: what is no UTF-8 must be seen here
            lines = [json.loads(line.decode()) for line in log]
        asked = [line["message"].split(" ")[3] for line in lines if "asked for" in line["message"]]
        self.assertEqual(asked, ["/\ufffd\ufffd", "/\ufffd(" + 4 * "\ufffd", "/\ufffd\ufffd31m", "/caf\u00e9\"\\"])
        for line in lines:
            self.assertLessEqual({"time", "level", "subject", "message"}, set(line))

    def test_everyone_is_back_after_a_crash(self):
        """Nodes re-register by themselves; nothing else is needed for the list to be whole again."""
        names = [f"n{i}" for i in range(40)]
        server = self.serve(*names)
        for name in names:
            self.join(server, name)
        server.kill()
        server.process.wait_exit()
        server.start()
        clients = [self.join(server, name) for name in names]
        wait_for(lambda: all(len(c.names()) == 40 for c in clients), 10, "everyone")

    def test_command_line(self):
        for arguments, status, said in ((["--nonsense"], 2, "--nonsense"), (["--listen"], 2, "needs a value"),
                                        (["--listen", "here"], 2, "HOST:PORT"), (["a", "b"], 2, "one config"),
                                        (["/no/such.json"], 2, "/no/such.json"), (["--listen", "1.2.3.4:1", "/dev/null"], 2, "")):
            with self.subTest(arguments=arguments):
                told = run([program("matriz-configserver"), *arguments])
                self.assertEqual(told.returncode, status, told.stderr)
                self.assertIn(said, told.stderr)
        told = run([program("matriz-configserver"), "--help-config"])
        self.assertEqual(told.returncode, 0)
        for key in ("client_keys", "tls_crt", "rooms", "on_change", "max_connections"):
            self.assertIn(f"  {key}: ", told.stdout)
        path = write_json(os.path.join(self.stage.folder, "c.json"), {"listen": "192.0.2.1:5000"})
        told = run([program("matriz-configserver"), path])
        self.assertEqual(told.returncode, 1)
        self.assertIn("192.0.2.1:5000", told.stderr)

    def test_a_name_that_cannot_be_told_yet(self):
        """No error of the config: the service manager starts the server again until the network answers."""
        inside = ["unshare", "--net", "--map-root-user"]
        asked = run([*inside, sys.executable, "-c", "import socket; socket.getaddrinfo('server.example.org', 5000)"])
        if "Temporary failure" not in asked.stderr:
            self.skipTest("no right to make network namespaces here, or names are told in them, too")
        path = write_json(os.path.join(self.stage.folder, "c.json"), {"listen": "server.example.org:5000"})
        told = run([*inside, program("matriz-configserver"), path])
        self.assertEqual(told.returncode, 1, told.stderr)
        self.assertIn("cannot listen on server.example.org:5000: Temporary failure in name resolution", told.stderr)
        self.assertEqual(run([*inside, program("matriz-configserver"), "--check", path]).returncode, 0)

    def test_bad_configs(self):
        for config, said in (
                ('{"client_keys":[{"name":"a"}]}', "key"), ('{"client_keys":[{"key":"a"}]}', "name"),
                ('{"client_keys":[{"name":"a","key":"b","key_hash":"c"}]}', "key_hash"),
                ('{"client_keys":[{"name":"a","key_hash":"c"}]}', "--new-key"),
                ('{"listen":"5000"}', "HOST:PORT"), ('{"trusted_proxies":["x"]}', "network"),
                ('{"rooms":[{"name":"a"},{"name":"a"}]}', "twice"), ('{"rooms":[{"name":"a","members":["b"]}]}', "client_keys"),
                ('{"on_change":"rm -rf"}', "list"), ('{"render_template":"/etc/hostname"}', "render_output"),
                ('{"client_keys":[{"name":"a","key":"b"},{"name":"a","key":"c"}]}', 'client_keys: "a" is there twice'),
                ('{"client_keys":[{"name":"a","key":"b"}],"monitor_key":{"name":"m","key":"b"}}', "monitor_key have the same key"),
                ('{"viewer_key":{"name":"v","key":"b"},"monitor_key":{"name":"m","key":"b"}}', "viewer_key have the same key"),
                ('{"client_keys":[{"name":"a","key":"b"}],"rooms":[{"name":"r","key":"b"}]}', 'room "r" have the same key'),
                ('{"rooms":[{"name":"r","key":"b"},{"name":"s","key":"b"}]}', 'room "s" have the same key'),
                ('{"tls_crt":"/etc/hostname","tls_key":"/etc/hostname"}', "tls_crt: \"/etc/hostname\" holds no certificate"),
                ('{"tls_crt":"/etc/hostname","tls_key":"/etc/hostname"}', "tls_key: \"/etc/hostname\" holds no private key"),
                ('{"ca_crt":"/etc/hostname"}', "ca_crt: \"/etc/hostname\" holds no certificate"),
                ('{"listen":"%s:5000"}' % ("x" * 64), "listen: \"%s:5000\" is no host" % ("x" * 64)),
                ('{"store":"/no/such/folder/s.sqlite"}', 'store: there is no folder "/no/such/folder"'),
                ('{"max_connections":0}', "from 1"), ('{"client_certs":"maybe"}', "require")):
            with self.subTest(config=config):
                path = os.path.join(self.stage.folder, "bad.json")
                with open(path, "w", encoding="utf-8") as out:
                    out.write(config)
                told = run([program("matriz-configserver"), "--check", path])
                self.assertEqual(told.returncode, 2, told.stderr)
                self.assertRegex(told.stderr, r"bad\.json:1: ")
                self.assertIn(said, told.stderr)


if __name__ == "__main__":
    main()
