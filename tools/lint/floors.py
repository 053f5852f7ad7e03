"""Includes go down the list of floors, never up, never between siblings; the inside is pure."""

import re

from tree import CPP, code_only

HEIGHT = {
    "app": 10,
    "http": 9,
    "hub": 8,
    "devices": 7,
    "telemetry": 7,
    "commands": 7,
    "auth": 6,
    "protocol": 5,
    "store": 4,
    "bus": 3,
    "net": 2,
    "base": 1,
}
INSIDE = ("hub", "devices", "telemetry", "commands", "auth", "protocol")
SERVICES = ("devices", "telemetry", "commands")
PORTS = ("hub", "devices", "telemetry", "commands", "auth")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
OUTSIDE = re.compile(
    r"sys/(socket|epoll|eventfd|uio|un|select|poll)\.h$|(netinet|arpa)/|(netdb|poll|sqlite3|libpq-fe)\.h$"
    r"|(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier)$"
    r"|boost/(asio|beast)"
)
HIDDEN_INPUT = re.compile(r"\b(?:system_clock|steady_clock)::now\b|\brandom_device\b|\bgetenv\b")
PORT = re.compile(r"(?:^|[_/])repository\.h$")


def includes(text):
    """(line, quote, path) of each include."""
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def reachable(tree, header):
    """`header` and what it includes, directly or not, of its own floor."""
    floor, seen, waiting = header.split("/")[0], set(), [header]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            found = includes(tree.files.get(f"src/{path}", ""))
            waiting += [target for _, _, target in found if target.startswith(f"{floor}/")]
    return seen


def models_of_ports(tree):
    """Headers that store/ may include above itself: the ports, what they include of their floor,
    and of the services the plain values, which are the headers that lead to no port."""
    allowed = set()
    for path, _ in tree.under([f"src/{floor}/" for floor in PORTS], [".h"]):
        header = path[len("src/"):]
        reached = reachable(tree, header)
        if PORT.search(header):
            allowed |= reached
        elif header.split("/")[0] in SERVICES and not any(PORT.search(each) for each in reached):
            allowed.add(header)
    return allowed


def judge(floor, target, path, models):
    """What is wrong with `floor` including `path` of the floor `target`, or None."""
    if target == floor:
        return None
    if floor == "store":
        if target in PORTS and path not in models:
            return f'"{path}" is neither a port (repository.h) nor a plain value'
        if target in ("app", "http"):
            return f"store/ does not include {target}/"
        return None
    if target == "store":
        return None if floor == "app" else "only app/ and tests include store/"
    if HEIGHT[target] == HEIGHT[floor]:
        return f"{floor}/ and {target}/ are siblings and do not include each other"
    if HEIGHT[target] > HEIGHT[floor]:
        return f"{floor}/ is below {target}/ and does not include it"
    return None


def check(tree):
    models = models_of_ports(tree)
    for path, text in tree.under(["src/"], CPP):
        parts = path.split("/")
        if len(parts) == 2:
            continue  # src/main.cpp
        floor = parts[1]
        if floor not in HEIGHT:
            yield f"{path}:1: src/{floor}/ is not a floor (tools/lint/floors.py)"
            continue
        for line, quote, target in includes(text):
            top = target.split("/")[0]
            if floor in INSIDE and OUTSIDE.match(target):
                yield f"{path}:{line}: <{target}> does not belong inside: go through a port"
            elif quote == '"' and top in HEIGHT:
                problem = judge(floor, top, target, models)
                if problem:
                    yield f"{path}:{line}: {problem}"
            elif quote == '"' and top != "embedded":
                yield f'{path}:{line}: "{target}" is not a path from src/'
        if floor in INSIDE:
            for number, code in enumerate(code_only(text).split("\n"), 1):
                hidden = HIDDEN_INPUT.search(code)
                if hidden:
                    yield f"{path}:{number}: {hidden.group(0)}: time and chance come through ports"


def cases():
    """(what, files, part of the finding or None)"""
    port = {"src/telemetry/repository.h": '#include "telemetry/sample.h"\n'}
    yield "downwards", {"src/hub/a.cpp": '#include "base/result.h"\n#include "auth/x.h"\n'}, None
    yield "upwards", {"src/net/a.cpp": '#include "hub/shard.h"\n'}, "is below hub/"
    yield "sideways", {"src/devices/a.h": '# include "commands/command.h"\n'}, "siblings"
    yield "hub to store", {"src/hub/a.cpp": '#include "store/writer.h"\n'}, "only app/"
    yield "app to store", {"src/app/a.cpp": '#include "store/writer.h"\n'}, None
    yield "port", {"src/store/a.cpp": '#include "telemetry/sample.h"\n', **port}, None
    service = {"src/telemetry/service.h": '#include "telemetry/repository.h"\n', **port}
    yield "value", {"src/store/a.h": '#include "telemetry/b.h"\n', "src/telemetry/b.h": ""}, None
    yield "no port", {"src/store/a.cpp": '#include "telemetry/service.h"\n', **service}, "neither"
    yield "no value", {"src/store/a.cpp": '#include "hub/b.h"\n', "src/hub/b.h": ""}, "neither"
    yield "socket inside", {"src/hub/a.cpp": "#include <sys/socket.h>\n"}, "does not belong inside"
    yield "asio inside", {"src/auth/a.cpp": "#include <boost/asio/io_context.hpp>\n"}, "inside"
    yield "thread inside", {"src/commands/a.cpp": "#include <thread>\n"}, "inside"
    yield "database inside", {"src/commands/a.cpp": "#include <sqlite3.h>\n"}, "inside"
    yield "hash map inside", {"src/hub/a.cpp": "#include <boost/unordered_map.hpp>\n"}, None
    yield "clock inside", {"src/hub/a.cpp": "auto t = std::chrono::steady_clock::now();\n"}, "ports"
    yield "clock told of", {"src/hub/a.cpp": "// not steady_clock::now()\n"}, None
    yield "no path", {"src/base/a.cpp": '#include "result.h"\n'}, "not a path from src/"
    yield "unknown floor", {"src/misc/a.cpp": "\n"}, "not a floor"
