"""A worker of openset infer --stream: pictures in, rows out, in order. For engines that drive many; Python alone."""

import collections
import subprocess


class Worker:
    """One process. It is started anew when it dies, and asked again for what it had not answered."""

    def __init__(self, config, flags=(), program="openset-infer", ahead=64, attempts=3):
        self.command = [program, "-c", str(config), "--stream", "-q", *flags]
        self.ahead, self.attempts, self.process = ahead, attempts, None

    def rows(self, paths):
        """The row of each path, as infer writes it, without its line end. A path must not contain a line end."""
        waiting, paths, deaths = collections.deque(), iter(paths), 0
        more = True
        while more or waiting:
            try:
                if self.process is None:
                    self._start(waiting)
                while more and len(waiting) < self.ahead:
                    path = next(paths, None)
                    if path is None:
                        more = False
                        break
                    waiting.append(path)
                    self._send(path)
                self.process.stdin.flush()
                if not waiting:
                    return
                row = self.process.stdout.readline()
                if not row.endswith("\n"):
                    raise BrokenPipeError("the worker ended before it answered")
            except BrokenPipeError:
                deaths += 1
                self.close()
                if deaths > self.attempts:
                    raise RuntimeError(f"{self.command[0]} died {deaths} times; the first unanswered picture is {waiting[0]}") from None
                continue
            waiting.popleft()
            yield row[:-1]

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _start(self, waiting):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        encoding="utf-8", errors="surrogateescape")  # paths are bytes
        for path in waiting:
            self._send(path)

    def _send(self, path):
        self.process.stdin.write(path + "\n")
