"""Runs a command and writes what it took to a file: seconds, seconds of CPU, and the most memory in bytes.

A process of its own, because the system counts the memory of the process that starts another one as that one's too: this
one is small.
"""

import os
import sys
import time


def main(told: str, command: list[str]) -> None:
    """Ends with the exit code of the command."""
    began = time.perf_counter()
    process = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - began
    with open(told, "w", encoding="ascii") as file:
        file.write(f"{wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss * 1024}")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
