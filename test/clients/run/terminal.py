"""Runs a command on a terminal of its own, types Ctrl-C once it says `ready`, and prints what it said and its exit code."""

import os
import pty
import select
import sys
import time

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])

said = b""
typed = False
deadline = time.monotonic() + 50
while time.monotonic() < deadline:
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if piece == b"":
        break
    said += piece
    if b"ready" in said and not typed:
        typed = True
        os.write(terminal, b"\x03")

code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(said.decode(errors="replace"))
print("exit", code)
