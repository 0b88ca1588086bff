"""openset serve, asked as clients ask it."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import chromium
from openset_cli import BIN, PICTURES, SOUND, CliTest, fruit_config, main


def form(content, name="file", filename="picture.png", kind="image/png"):
    """A multipart body as requests and curl make it, and its content type."""
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + content + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"


class ServeTest(CliTest):
    def serve(self, *arguments):
        """Starts a server on a free port and waits until it listens."""
        self.log = open(self.folder / "log", "w+")
        self.addCleanup(self.log.close)
        self.server = subprocess.Popen([BIN / "openset-serve", "--listen", "127.0.0.1:0", "-c", self.config, *arguments], stderr=self.log,
                                       stdin=subprocess.DEVNULL)
        self.addCleanup(self.end)
        address = self.wait_for(r"listening on http://127.0.0.1:(\d+)/")
        self.port = int(address.group(1))

    def wait_for(self, pattern):
        for _ in range(600):
            found = re.search(pattern, (self.folder / "log").read_text())
            if found:
                return found
            self.assertIsNone(self.server.poll(), (self.folder / "log").read_text())
            time.sleep(0.05)
        self.fail(f"no {pattern} in: " + (self.folder / "log").read_text())

    def end(self):
        if self.server.poll() is None:
            self.server.kill()
        self.server.wait()

    def ask(self, path, body=None, kind=None, method=None, headers=None):
        """(status, headers, body) of one request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, method=method,
                                         headers={**({"Content-Type": kind} if kind else {}), **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def predict(self, file, query="", **parts):
        status, _, body = self.ask("/prediction/" + query, *form(pathlib.Path(file).read_bytes(), filename=os.path.basename(file), **parts))
        return status, json.loads(body)


class Predictions(ServeTest):
    def test_every_picture_gets_the_row_of_infer_also_when_all_ask_at_once(self):
        rows = {row["path"]: row for row in map(json.loads, self.run_program("openset-infer", "-c", self.config, *SOUND).stdout.splitlines())}
        self.serve()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for file, (status, answer) in zip(SOUND * 5, pool.map(self.predict, SOUND * 5)):
                self.assertEqual(status, 200)
                self.assertEqual(answer["row"] | {"path": file}, rows[file])

    def test_the_reference_s_clients_are_answered_as_by_it(self):
        self.serve()
        for name, pred, level in [("tomato.png", "tomato", 2), ("between.png", "UNKNOWN", 2), ("sea.jpg", "UNKNOWN", 0)]:
            status, answer = self.predict(PICTURES / name, "?model_name=fruit&open_set=true")
            self.assertEqual((status, answer["filename"], answer["contenttype"], answer["pred"], answer["level"]),
                             (200, name, "image/png", pred, level))
            self.assertRegex(answer["conf"], r"^\d+\.\d%$")
        self.assertEqual(self.predict(PICTURES / "basket/peach.png")[1]["level"], 1)
        status, answer = self.predict(PICTURES / "sea.jpg", "?open_set=false")
        self.assertEqual((answer["level"], answer["row"]["outcome"]), (2, "known"))
        self.assertEqual(json.loads(self.ask("/list_model_names/")[2]), ["fruit"])

    def test_a_failed_picture_says_why_and_names_nothing_of_the_server(self):
        self.serve()
        for name, status in [("broken_empty.png", 422), ("broken_text.jpg", 415), ("broken_truncated.jpg", 422)]:
            seen, answer = self.predict(PICTURES / name)
            self.assertEqual((seen, answer["row"]["outcome"]), (status, "failed"))
            self.assertNotIn(str(PICTURES.parent), json.dumps(answer))
        status, _, answer = self.ask("/prediction/", *form((PICTURES / "tomato.png").read_bytes(), filename="../../etc/passwd"))
        self.assertEqual((status, json.loads(answer)["pred"]), (200, "tomato"), "a name is a name only")

    def test_two_pipelines_are_told_apart_by_name(self):
        other = self.write_config("other.json", {**fruit_config(), "name": "second"})
        self.serve("-c", other)
        self.assertEqual(json.loads(self.ask("/list_model_names/")[2]), ["fruit", "second"])
        self.assertEqual(self.predict(PICTURES / "tomato.png", "?model_name=second")[0], 200)
        self.assertEqual(self.predict(PICTURES / "tomato.png", "?model_name=third")[0], 404)


class Limits(ServeTest):
    def test_what_is_no_form_or_too_much_is_refused_with_a_reason(self):
        self.serve("--max-body", "20000")
        picture = (PICTURES / "tomato.png").read_bytes()
        for status, body, kind in [(415, b"x", "text/plain"), (422, *form(picture, name="other")), (413, *form(b"x" * 30000)),
                                   (413, *form(b"x" * 300000)), (400, b"no form", "multipart/form-data; boundary=edge"),
                                   (400, form(picture)[0][:-30], form(picture)[1])]:
            seen, headers, answer = self.ask("/prediction/", body, kind)
            self.assertEqual(seen, status, (kind, answer))
            self.assertIn("detail", json.loads(answer))
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(self.ask("/prediction/?open_set=perhaps", *form(picture))[0], 422)
        self.assertEqual(self.ask("/../../etc/passwd")[0], 404)
        self.assertEqual(self.ask("/prediction/", b"x", method="PUT")[0], 405)
        self.assertEqual(self.ask("/healthz")[0], 200)

    def test_whoever_sends_byte_by_byte_or_without_end_is_cut_off(self):
        self.serve("--timeout", "1")
        slow = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(slow.close)
        slow.sendall(b"POST /prediction/ HTTP/1.1\r\nHost: localhost\r\n")
        start = time.monotonic()
        with self.assertRaises(OSError):
            while time.monotonic() < start + 10:
                slow.sendall(b"X")
                time.sleep(0.2)
        self.assertLess(time.monotonic() - start, 5)
        endless = http.client.HTTPConnection("127.0.0.1", self.port)
        self.addCleanup(endless.close)
        endless.request("GET", "/", headers={f"X-{i}": "x" * 1000 for i in range(90)})
        self.assertEqual(endless.getresponse().status, 400)

    def test_more_than_are_let_in_flight_are_told_to_come_again(self):
        self.serve("--max-in-flight", "1")
        body, kind = form((PICTURES / "tomato.png").read_bytes())
        first = http.client.HTTPConnection("127.0.0.1", self.port)
        self.addCleanup(first.close)
        first.putrequest("POST", "/prediction/")
        first.putheader("Content-Type", kind)
        first.putheader("Content-Length", str(len(body)))
        first.endheaders(body[:10])
        while "openset_in_flight 1" not in self.ask("/metrics")[2].decode():
            time.sleep(0.05)
        status, headers, _ = self.ask("/prediction/", body, kind)
        self.assertEqual((status, headers["Retry-After"], headers["Connection"]), (429, "1", "close"))
        first.send(body[10:])
        self.assertEqual(first.getresponse().status, 200)
        self.assertIn('openset_responses_total{status="429"} 1', self.ask("/metrics")[2].decode())

    def test_a_picture_whose_turn_does_not_come_within_the_budget_is_not_run(self):
        self.serve("--latency-budget", "150", "--threads", "1", "-j", "1")
        self.assertEqual(self.predict(PICTURES / "tomato.png")[0], 200)
        large = b"P6 2000 2000 255\n" + bytes((200, 30, 30)) * 4_000_000
        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            answers = list(clients.map(lambda _: self.ask("/prediction/", *form(large)), range(48)))
        self.assertIn(503, {status for status, _, _ in answers})
        for status, headers, body in answers:
            if status == 200:
                self.assertEqual(json.loads(body)["pred"], "tomato")
            else:
                self.assertEqual(status, 503)
                self.assertIn("turn did not come in time", body.decode())
                self.assertTrue(headers["Retry-After"])
        refused = sum(status == 503 for status, _, _ in answers)
        self.assertIn(f'openset_responses_total{{status="503"}} {refused}', self.ask("/metrics")[2].decode())

    def raw(self, request):
        """The first line of the answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").readline().decode().strip()

    def test_a_length_is_told_once_and_plainly_and_nothing_is_compressed(self):
        self.serve()
        body, kind = form((PICTURES / "tomato.png").read_bytes())
        head = f"POST /prediction/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        for fields, status in ((f"Content-Length: {len(body)}\r\n", "200"), ("", "411"), ("Transfer-Encoding: chunked\r\n", "411"),
                               ("Content-Length: -1\r\n", "400"), ("Content-Length: +5\r\n", "400"), (f"Content-Length: {len(body)}x\r\n", "400"),
                               (f"Content-Length: {len(body)}\r\nContent-Length: {len(body)}\r\n", "400"),
                               ("Content-Length: 99999999999999999999999\r\n", "413"),
                               (f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n", "415"),
                               (f"Content-Encoding: br\r\nContent-Length: {len(body)}\r\n", "415")):
            self.assertIn(f" {status} ", self.raw((head + fields + "\r\n").encode() + body) + " ", fields)

    def test_what_would_multiply_an_answer_or_the_work_is_not_done(self):
        self.serve()
        whole = self.ask("/page.js")[2]
        for field in ({"Range": "bytes=" + "-," * 3000 + "-"}, {"Range": "bytes=0-1"}, {"Accept-Encoding": "br, gzip"}):
            status, headers, body = self.ask("/page.js", headers=field)
            self.assertEqual((status, body, headers["Content-Encoding"]), (200, whole, None))
        start = time.monotonic()
        line = b'Content-Disposition: form-data; name="' + b'";filename="' * 678 + b'"\r\n'
        for lines in (line * 2000, b"X-A: " + b"a" * 16_000_000 + b"\r\n"):
            status, _, answer = self.ask("/prediction/", b"--edge\r\n" + lines + b"\r\nx\r\n--edge--\r\n", "multipart/form-data; boundary=edge")
            self.assertEqual((status, json.loads(answer)["detail"]), (400, "more than 4096 bytes in front of a part, expected its name and type"))
        self.assertLess(time.monotonic() - start, 5)

    def test_a_form_is_read_however_it_may_be_written(self):
        self.serve()
        picture = (PICTURES / "tomato.png").read_bytes()
        for head, kind, name in (
                (b'content-disposition:form-data;filename="a\\"b.png"; name=file', "multipart/form-data; boundary=edge", 'a"b.png'),
                (b"Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''na%C3%AFve.png", 'Multipart/Form-Data; charset=utf-8; boundary="edge"', "na\u00efve.png"),
                (b'Content-Disposition: form-data; name="other"\r\n\r\n\r\n--edge\r\nContent-Disposition: form-data; name="file"; filename=""', "multipart/form-data;boundary=edge", ""),
                (b'Content-Disposition: form-data; name="file"; filename="C:\\a.png"\r\nContent-Type: image/png', "multipart/form-data; boundary=edge", "C:\\a.png")):
            status, _, body = self.ask("/prediction/", b"--edge\r\n" + head + b"\r\n\r\n" + picture + b"\r\n--edge--\r\n", kind)
            self.assertEqual((status, json.loads(body).get("filename"), json.loads(body).get("pred")), (200, name, "tomato"), body)
        for broken in (b"", b"--edge", b"--edge--", b"--edge\r\n\r\n", b"--edge\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx",
                       b"--other\r\n\r\nx\r\n--other--\r\n", b"x" * 10_000):
            self.assertIn(self.ask("/prediction/", broken or None, "multipart/form-data; boundary=edge", method="POST")[0], (400, 411, 422), broken[:40])

    def test_ipv6_is_an_address_like_the_other(self):
        if not socket.has_ipv6 or not pathlib.Path("/proc/net/if_inet6").read_text().strip():
            self.skipTest("no IPv6 on this machine")
        server = subprocess.Popen([BIN / "openset-serve", "--listen", "[::1]:0", "-c", self.config], stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (server.kill(), server.wait(), server.stderr.close()))
        port = int(next(found for found in (re.search(r"listening on http://\[::1\]:(\d+)/", line) for line in server.stderr) if found)[1])
        for host, status in ((f"[::1]:{port}", 200), (f"localhost:{port}", 200), ("[::2]", 403), ("evil.example", 403)):
            connection = http.client.HTTPConnection("::1", port, timeout=30)
            connection.request("GET", "/healthz", headers={"Host": host})
            self.assertEqual(connection.getresponse().status, status, host)
            connection.close()
        self.assertIn("--token-file", self.run_program("openset-serve", "-c", self.config, "--listen", "[::]:0", code=2).messages)

    def test_other_addresses_need_a_token_and_other_sites_get_nothing(self):
        refused = self.run_program("openset-serve", "-c", self.config, "--listen", "0.0.0.0:0", code=2)
        self.assertIn("--token-file", str(refused.stderr))
        token = self.folder / "token"
        token.write_text("correct-horse-battery\n")
        self.serve("--token-file", token)
        picture = form((PICTURES / "tomato.png").read_bytes())
        self.assertEqual(self.ask("/")[0], 200)
        self.assertEqual(self.ask("/prediction/", *picture)[0], 401)
        self.assertEqual(self.ask("/metrics", headers={"Authorization": "Bearer correct-horse-batters"})[0], 401)
        self.assertEqual(self.ask("/prediction/", *picture, headers={"Authorization": "Bearer correct-horse-battery"})[0], 200)
        self.end()
        self.serve()
        self.assertEqual(self.ask("/", headers={"Host": "evil.example"})[0], 403)
        self.assertEqual(self.ask("/prediction/", *picture, headers={"Origin": "https://evil.example"})[0], 403)


class Page(ServeTest):
    def test_a_chosen_picture_lights_the_chain_up_to_where_it_stopped_on_phones_too(self):
        if not chromium.PROGRAM:
            self.skipTest("no Chromium: nothing says that a browser shows the page")
        self.serve()
        with chromium.Chromium(self.folder / "profile") as browser:
            for width, dark, name, verdict, stages in [(390, False, "tomato.png", "tomato", ["pass", "pass", "pass"]),
                                                       (1280, True, "sea.jpg", "unknown", ["stop", "idle", "idle"])]:
                browser.open(f"http://127.0.0.1:{self.port}/", width, dark=dark)
                browser.until("document.querySelectorAll('#model option').length === 1")
                browser.choose_file("#file", PICTURES / name)
                browser.until("!document.getElementById('result').hidden")
                self.assertEqual(browser.value("document.getElementById('verdict').textContent"), verdict)
                self.assertEqual(browser.value("[...document.querySelectorAll('#chain li')].map((stage) => stage.className)"), stages)
                self.assertEqual(browser.value("document.documentElement.scrollWidth"), width, "it scrolls sideways")
            browser.open(f"http://127.0.0.1:{self.port}/", 1280)
            browser.until("document.querySelectorAll('#model option').length === 1")
            browser.drop_file("#drop", PICTURES / "orange.jpg")
            browser.until("document.getElementById('verdict').textContent === 'orange'")
            browser.paste_file(PICTURES / "tomato.png", "image/png")
            browser.until("document.getElementById('verdict').textContent === 'tomato'")
            browser.open(f"http://127.0.0.1:{self.port}/docs", 390)
            browser.until("document.querySelectorAll('#paths li').length === 4")
            self.assertEqual(browser.value("document.documentElement.scrollWidth"), 390, "it scrolls sideways")
            self.assertEqual(browser.console, [])
            browser.open(f"http://127.0.0.1:{self.port}/", 390)
            browser.until("document.querySelectorAll('#model option').length === 1")
            browser.paste_file(PICTURES / "broken_truncated.jpg", "image/jpeg")
            browser.until("document.body.textContent.includes('the JPEG data end after row 14 of 96')")


class Change(ServeTest):
    def test_a_changed_config_is_taken_up_and_a_broken_one_is_not_while_every_request_is_answered(self):
        self.serve()
        ended = []

        def keep_asking():
            answers = []
            while not ended:
                answers.append(self.predict(PICTURES / "between.png"))
            return answers

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(keep_asking) for _ in range(4)]
            try:
                self.write_config("fruit.json", "{ broken")
                self.wait_for("goes on")
                config = fruit_config()
                config["classifier"]["min_probability"] = 0
                self.write_config("fruit.json", config)
                self.wait_for("loaded again as fruit")
                self.assertEqual(self.predict(PICTURES / "between.png")[1]["row"]["outcome"], "known")
            finally:
                ended.append(True)
            answers = [answer for each in asking for answer in each.result()]
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertEqual({answer["row"]["outcome"] for _, answer in answers}, {"known", "unknown"})

    def test_what_describes_a_network_is_watched_also_where_it_was_not_there(self):
        config = fruit_config()
        for stage in ("gate", "species", "classifier"):
            config[stage]["model"] = shutil.copy(config[stage]["model"], self.folder / f"{stage}.pt")
        self.write_config("fruit.json", {**config, **{stage: {**config[stage], "model": f"{stage}.pt"} for stage in ("gate", "species", "classifier")}})
        self.serve()
        (self.folder / "species.pt.openset.json").write_text("{ broken")
        self.wait_for("fruit.json: (loaded again|changed, but not loaded again)")

    def test_sigterm_lets_a_request_end_that_had_begun(self):
        self.serve()
        body, kind = form((PICTURES / "tomato.png").read_bytes())
        begun = http.client.HTTPConnection("127.0.0.1", self.port)
        begun.putrequest("POST", "/prediction/")
        begun.putheader("Content-Type", kind)
        begun.putheader("Content-Length", str(len(body)))
        begun.endheaders(body[:10])
        while "openset_in_flight 1" not in self.ask("/metrics")[2].decode():
            time.sleep(0.05)
        self.server.send_signal(signal.SIGTERM)
        self.wait_for("answering what has been asked")
        begun.send(body[10:])
        self.assertEqual(json.loads(begun.getresponse().read())["pred"], "tomato")
        begun.close()
        self.assertEqual(self.server.wait(timeout=10), 0)


if __name__ == "__main__":
    main()
