"""A machine with eth0, and the hosts that it talks to, each in a network namespace of its own.

    unshare --net python -m tests.chroot.firewall_world PROGRAM [ARGUMENT...] <RULES

PROGRAM loads the rules. Then every connection is tried for real, and whether each came about is printed, as
JSON, by the names that hvprep.steps.firewalls.traffic has for them.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from typing import Dict, Tuple

SELF, ADMINISTRATOR, GATEWAY = "10.0.0.4", "20.1.2.3", "10.0.0.1"
WIRE_SERVER, METADATA = "168.63.129.16", "169.254.169.254"
SERVED = ((WIRE_SERVER, 80), (WIRE_SERVER, 32526), (METADATA, 80))
SSH, DHCP = (SELF, 22), (WIRE_SERVER, 67)
#: Nothing on the way takes time: what has not come by now was dropped.
WAIT_S = 0.5


def ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def listen(address: Tuple[str, int]) -> None:
    """Sends back what it gets, on each connection, until the process ends."""
    server = socket.create_server(address)

    def answer() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(WAIT_S)
                try:
                    connection.sendall(connection.recv(10))
                    connection.recv(10)
                except OSError:
                    pass

    threading.Thread(target=answer, daemon=True).start()


def listen_udp(address: Tuple[str, int]) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(address)

    def answer() -> None:
        while True:
            content, sender = server.recvfrom(10)
            server.sendto(content, sender)

    threading.Thread(target=answer, daemon=True).start()


def connects(address: Tuple[str, int], source: Tuple[str, int] = (SELF, 0)) -> bool:
    try:
        with socket.create_connection(address, WAIT_S, source) as connection:
            connection.sendall(b"x")
            return connection.recv(10) == b"x"
    except OSError:
        return False


def renews_lease() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(WAIT_S)
        client.bind((SELF, 68))
        try:
            client.sendto(b"x", DHCP)
            return client.recv(10) == b"x"
        except OSError:
            return False


def play_hosts() -> None:
    """The other end; it connects by SSH when it is told so."""
    say("there")
    sys.stdin.readline()
    for address in (GATEWAY + "/24", f"{WIRE_SERVER}/32", f"{METADATA}/32", f"{ADMINISTRATOR}/32"):
        ip("address", "add", address, "dev", "other")
    ip("link", "set", "other", "up")
    for served in SERVED:
        listen(served)
    listen_udp(DHCP)
    say("ready")
    sys.stdin.readline()
    say(json.dumps(connects(SSH, (ADMINISTRATOR, 0))))


def play_machine(loader: Tuple[str, ...]) -> None:
    rules = sys.stdin.buffer.read()
    argv = ["unshare", "--net", sys.executable, "-m", __spec__.name]
    hosts = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    with hosts:
        assert hosts.stdin is not None
        assert hosts.stdout is not None
        hosts.stdout.readline()
        ip("link", "add", "eth0", "type", "veth", "peer", "name", "other", "netns", str(hosts.pid))
        ip("address", "add", f"{SELF}/24", "dev", "eth0")
        ip("link", "set", "lo", "up")
        ip("link", "set", "eth0", "up")
        hosts.stdin.write("go\n")
        hosts.stdout.readline()
        ip("route", "add", "default", "via", GATEWAY)
        listen(SSH)
        subprocess.run(loader, input=rules, check=True)
        came: Dict[str, bool] = {f"{host}:{port}": connects((host, port)) for host, port in SERVED}
        came[f"DHCP (UDP 67 of {WIRE_SERVER})"] = renews_lease()
        hosts.stdin.write("connect\n")
        came["SSH"] = json.loads(hosts.stdout.readline())
        say(json.dumps(came))


if __name__ == "__main__":
    if sys.argv[1:]:
        play_machine(tuple(sys.argv[1:]))
    else:
        play_hosts()
