# SPDX-License-Identifier: Apache-2.0
"""Numbered echo requests at a steady rate, and an account of the answers, on the node.

``flow.py ADDRESS RATE``: sends until SIGTERM, waits for answers that are still on their way,
and prints JSON: how many were sent, the numbers of those never answered, and of those
answered twice.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import select
import signal
import socket
import struct
import sys
import time

LAST_WAIT = 5.0  # seconds for answers after the last request
NUMBER = struct.Struct("!I")
ECHO = struct.Struct("!BBHHH")


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Line:
    """A raw socket to one address, on which requests have numbers."""

    def __init__(self, address: str) -> None:
        self._six = ipaddress.ip_address(address).version == 6
        family = socket.AF_INET6 if self._six else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if self._six else socket.IPPROTO_ICMP
        self._request, self._reply = (128, 129) if self._six else (8, 0)
        self._identity = os.getpid() & 0xFFFF
        self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self.socket.setblocking(False)
        self.socket.connect((address, 0))

    def send(self, number: int) -> None:
        head = ECHO.pack(self._request, 0, 0, self._identity, number & 0xFFFF)
        data = head + NUMBER.pack(number)
        # For IPv6 the kernel writes it.
        data = data[:2] + struct.pack("!H", checksum(data)) + data[4:]
        with contextlib.suppress(OSError):
            self.socket.send(data)  # refused (no route just now) is lost as well

    def answer(self) -> int | None:
        """The number of an answer that has arrived, None for anything else."""
        try:
            packet = self.socket.recv(2048)
        except OSError:
            return None  # an ICMP error about an earlier request
        body = packet if self._six else packet[(packet[0] & 15) * 4 :]
        if len(body) < 12 or body[0] != self._reply:
            return None
        if struct.unpack_from("!H", body, 4)[0] != self._identity:
            return None
        return int(NUMBER.unpack_from(body, 8)[0])


def main(address: str, rate: float) -> None:
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    line = Line(address)
    sent = 0
    answers: dict[int, int] = {}
    begin = time.monotonic()
    last = 0.0
    while not last or (time.monotonic() < last and len(answers) < sent):
        due = last or begin + sent / rate
        if select.select([line.socket], [], [], max(0.0, due - time.monotonic()))[0]:
            number = line.answer()
            if number is not None:
                answers[number] = answers.get(number, 0) + 1
        elif stop and not last:
            last = time.monotonic() + LAST_WAIT
        elif not last:
            line.send(sent)
            sent += 1
    lost = [number for number in range(sent) if number not in answers]
    twice = [number for number, count in answers.items() if count > 1]
    print(json.dumps({"sent": sent, "lost": lost, "twice": twice}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
