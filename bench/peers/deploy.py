"""The same work by pyinfra: what is there is read as facts, and an operation is added for what is not."""

import json
import os
from pathlib import Path

from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import server

ROWS = json.loads(Path(os.environ["SPEC"]).read_text())["networks"]
ABSENT = os.environ["STATE"] == "absent"


def shell(command: str) -> None:
    server.shell(name=command, commands=[command])


def said(command: str) -> str:
    return host.get_fact(Command, f"{command} || true") or ""


for pid, accept in {each["pid"]: each["accept"] for each in ROWS}.items():
    docker = f"docker -H unix:///proc/{pid}/root/run/docker.sock network"
    enter = f"nsenter --net=/proc/{pid}/ns/net"
    networks = said(f"{docker} ls --format '{{{{.Name}}}}'").split()
    saved = said(f"{enter} iptables-save -t filter") if accept else ""
    for each in (row for row in ROWS if row["pid"] == pid):
        if (each["name"] in networks) is ABSENT:
            options = " ".join(f"-o {key}={value}" for key, value in each["options"].items())
            pool = f"--subnet {each['subnet']} --gateway {each['gateway']}"
            create = f"create {pool} {options} {each['name']}"
            remove = f"rm {each['name']}"
            shell(f"{docker} {remove if ABSENT else create}")
        rule = f"DOCKER-USER -d {each['subnet']} -j ACCEPT"
        if accept and (f"-A {rule}" in saved) is ABSENT:
            shell(f"{enter} iptables -w {'-D' if ABSENT else '-I'} {rule}")

for enter, via in (("", "via"), ("ip netns exec router ", "host")):
    there = {line.split()[0] for line in said(f"{enter}ip route show proto 201").splitlines()}
    for each in ROWS:
        if (each["subnet"] in there) is ABSENT:
            verb = "del" if ABSENT else "add"
            shell(f"{enter}ip route {verb} {each['subnet']} via {each[via]} proto 201")
