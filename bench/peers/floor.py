"""The least that does the work: exactly the needed API calls, rules and routes, with the standard library.

``floor.py SPEC`` makes what is missing, ``floor.py SPEC absent`` removes what is there. No checks, no journal.
"""

import http.client
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

PROTOCOL = "201"
ROUTER = ("ip", "netns", "exec", "router")


class Docker(http.client.HTTPConnection):
    def __init__(self, pid: int) -> None:
        super().__init__("docker")
        self._path = f"/proc/{pid}/root/run/docker.sock"

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        data = json.dumps(body) if body else None
        self.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.getresponse()
        said = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{path}: {answer.status} {said.decode()}")
        return json.loads(said) if said else None


def said(command: list[str], stdin: str = "") -> str:
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def in_guest(rows: list[dict[str, Any]], *, absent: bool) -> None:
    docker = Docker(rows[0]["pid"])
    there = {each["Name"] for each in docker.ask("GET", "/networks")}
    for each in rows:
        if absent and each["name"] in there:
            docker.ask("DELETE", f"/networks/{each['name']}")
        elif not absent and each["name"] not in there:
            docker.ask("POST", "/networks/create", network(each))
    if rows[0]["accept"]:
        rules(rows, absent=absent)


def network(row: dict[str, Any]) -> dict[str, Any]:
    pool = {"Subnet": row["subnet"], "Gateway": row["gateway"]}
    return {"Name": row["name"], "IPAM": {"Config": [pool]}, "Options": row["options"]}


def rules(rows: list[dict[str, Any]], *, absent: bool) -> None:
    enter = ["nsenter", f"--net=/proc/{rows[0]['pid']}/ns/net"]
    there = said([*enter, "iptables-save", "-t", "filter"])
    wanted = [f"DOCKER-USER -d {each['subnet']} -j ACCEPT" for each in rows]
    lines = [
        f"{'-D' if absent else '-I'} {each}" for each in wanted if (f"-A {each}" in there) is absent
    ]
    if lines:
        script = "\n".join(("*filter", *lines, "COMMIT", ""))
        said([*enter, "iptables-restore", "--noflush"], script)


def routes(enter: tuple[str, ...], rows: list[dict[str, Any]], via: str, *, absent: bool) -> None:
    printed = said([*enter, "ip", "-N", "route", "show", "proto", PROTOCOL])
    there = {line.split()[0] for line in printed.splitlines()}
    verb = "del" if absent else "add"
    lines = [
        f"route {verb} {each['subnet']} via {each[via]} proto {PROTOCOL}\n"
        for each in rows
        if (each["subnet"] in there) is absent
    ]
    if lines:
        said([*enter, "ip", "-batch", "-"], "".join(lines))


def main(spec: str, state: str = "present") -> None:
    rows = json.loads(Path(spec).read_text())["networks"]
    absent = state == "absent"
    groups = [list(each) for _, each in groupby(rows, itemgetter("guest"))]
    with ThreadPoolExecutor() as pool:
        work = [pool.submit(in_guest, each, absent=absent) for each in groups]
        work.append(pool.submit(routes, (), rows, "via", absent=absent))
        work.append(pool.submit(routes, ROUTER, rows, "host", absent=absent))
    for each in work:
        each.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
