"""Services that Compose files may have, valid ones and others, for every key of the subset."""

import json
from dataclasses import dataclass

from hypothesis import strategies as st


@dataclass(frozen=True)
class Plain:
    """A scalar that is written without quotes."""

    text: str


Value = str | int | float | bool | None | Plain | list["Value"] | dict[str, "Value"]


def yaml(value: Value) -> str:
    """Write `value` in YAML's flow style."""
    match value:
        case Plain(text):
            return text
        case list():
            return "[" + ", ".join(map(yaml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)}: {yaml(member)}" for key, member in value.items()) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def chosen(*values: Value) -> st.SearchStrategy[Value]:
    return st.sampled_from(values)


def listed(items: st.SearchStrategy[Value], most: int = 3) -> st.SearchStrategy[Value]:
    return st.lists(items, max_size=most)


def filled(items: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """Return lists with something in them: Compose refuses two empty ones on top of each other, for some keys."""
    return st.lists(items, min_size=1, max_size=3)


def mapped(keys: st.SearchStrategy[str], values: st.SearchStrategy[Value], most: int = 3) -> st.SearchStrategy[Value]:
    return st.dictionaries(keys, values, max_size=most)


def optional(**members: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.fixed_dictionaries({}, optional=members)


NAMES = st.sampled_from(["A", "B_2", "c.d", "y-x", "é", "Z"])
TEXTS = st.text(alphabet="ab <>&'\"\\/é\u2028\n\t#:,;|$", max_size=8).map(lambda text: text.replace("$", "$$"))
INTERPOLATED = st.sampled_from(
    ["${SET}", "$EMPTY-${UNSET:-d}", "${SET:+${UNSET-x}}y", "$$SET", "${EMPTY:-${SET}}", "a$", "${UNSET-{}}"]
)
PLAIN = st.sampled_from([
    "1", "012", "0x1F", "0b11", "0o17", "1_000", "-5", "+5", "09", "1.5", "1.50", "1.", ".5", "1e3", "1e6", "123456.7",
    "1234567.8", "0.00001", "1e21", "-0.0", "true", "False", "yes", "on", "no", "22:22", "1:30:00", "1.2.3", "0x1g",
    "18446744073709551615", "99999999999999999999", "v1", ".inf", "-.INF", ".nan", "0o", "0x", "0b2", "-0b1", "1__0",
    "_1", "+.5", "-0", "1e-7", "12e03", "1_000.5", "0_7", "00", "tRUE", "Null", "nULL", "-", ".", "..", "1:2", "+0x1F",
    "-012", "0xFFFFFFFFFFFFFFFFF", "1e400", "1.e2", "'it''s'", "a\\nb", "=x", "a#b", "a:b", "é",
]).map(Plain)  # fmt: skip
ODD = chosen(
    Plain("a b  c"), Plain("!!str 5"), Plain("!!str yes"), Plain("!!int 7"), Plain("!!float 3"), Plain("!!bool true"),
    Plain("'a  $$b'"), Plain('"\\x41\\u00e9\\t"'), Plain('"a \\\n   b"'), Plain("'a\n\n  b'"), Plain("a\n  b"),
    Plain("! 5"),
)  # fmt: skip
SCALARS = st.one_of(TEXTS, INTERPOLATED, PLAIN, ODD)
PAIRS = st.one_of(
    mapped(NAMES, SCALARS),
    listed(st.tuples(NAMES, TEXTS).map("=".join)),
)
LABELS = st.one_of(
    mapped(NAMES, st.one_of(SCALARS, st.none())), listed(st.one_of(NAMES, st.tuples(NAMES, TEXTS).map("=".join)))
)
DURATIONS = chosen(
    "1h1m1s1ms", "1µs", "1.5h", "0", "-5s", "1s1s", "1.s", "", "1 s", "+1s", "3ns", "1e3s", "10s", "1m30s", "90s",
    "1.5s", "100us", "0s", "1h", "2h45m", "500ms", ".5s", "10",
)  # fmt: skip
SIZES = chosen(
    "512m", "1.5gb", "64KB", 1024, "2g", "100", "0", "1 mb", "5b", "1.1k", "10mib", 0, "", "1e3", "5x", "1_0", "-1", -1,
    ".5g", "1.g", 9000000000, "1 kib", " 1k", "01m",
)  # fmt: skip
NUMBERS = chosen(0.5, 1, "1.25", 2.0, 0.1, "3", 1.3333333333, 0, "0", ".5", "1.", "1e2", "+1", 16777217, 1e-7, "x", -1)
FLAGS = chosen(True, False, "true", "yes", Plain("yes"), "off", "TRUE", "On", "1", "t", "N")
SMALL = chosen(0, 1, 5, "3", -1, "-1", "07", 2.0, 2.5, "x", Plain("010"), "+4", "1_0")
LIMIT = chosen(0, 1, 5, "3", -1, "-1", "x", Plain("010"))
PORTS = chosen(
    80,
    "80",
    "8080:80",
    "127.0.0.1:5432:5432",
    "53:53/udp",
    "53:53/UDP",
    "9-11:9-11",
    "8000-8010:80",
    "[::1]:81:81",
    "127.0.0.1::99",
    "90-91",
    "::1:82:82",
    "0.0.0.0:80:80",
    "08080:80",
    "80:80/",
    Plain("22:22"),
    Plain("3000"),
    "1:70000",
    "a:b",
    "5-4:5-4",
    "1-3:1-2",
    "256.1.1.1:1:1",
    {"target": 80},
    {"target": "80", "published": 8080},
    {"target": 80, "published": "8080", "host_ip": "127.0.0.1"},
    {"target": 90, "protocol": "udp", "mode": "host"},
    {"target": 80, "published": "80", "name": "w", "app_protocol": "http"},
)
MOUNTS = chosen(
    "data:/data",
    "./rel:/b",
    "./rel:/b:ro",
    "../up/:/c/",
    "~/h:/d:z",
    "/abs//x/:/e",
    "/anon",
    "data:/f:nocopy",
    "data:/g:ro,z",
    "./x:/h:rslave,rw",
    "/a",
    "data:/data:rw",
    "more:/b",
    ".:/src",
    "data::/x",
    "data:/x:y:z",
    "/i:/i:Z",
    {"type": "bind", "source": "./l", "target": "/l"},
    {"type": "volume", "source": "data", "target": "/m/"},
    {"type": "bind", "source": "/l", "target": "/l", "bind": {"create_host_path": True, "propagation": "rslave"}},
    {"type": "bind", "source": "~/l", "target": "/n", "read_only": True, "bind": {"selinux": "z"}},
    {"type": "volume", "target": "/o", "volume": {"nocopy": True}},
    {"type": "tmpfs", "target": "/p"},
    {"type": "tmpfs", "target": "/q", "tmpfs": {"size": "64m", "mode": 511.5}},
    {"type": "volume", "source": "data", "target": "/r", "volume": {}, "consistency": "cached"},
)
COMMANDS = st.one_of(
    st.none(),
    TEXTS,
    listed(TEXTS),
    chosen("a 'b c' \"d\" e\\ f", "a && b", "x 2>y", "a $$(b c) `d e`", "", "a (b)", "'"),
)
ATTACHMENT = optional(
    aliases=listed(chosen("x", "y")),
    ipv4_address=chosen("172.28.0.5"),
    priority=chosen(10, 0, 2.5, "1"),
    mac_address=chosen("02:42:ac:11:00:02"),
    driver_opts=mapped(NAMES, chosen("a", 1, 1.5, True, None)),
    link_local_ips=listed(chosen("1.1.1.1"), 1),
)
FILE_MOUNT = st.one_of(
    chosen("f"),
    st.fixed_dictionaries(
        {"source": chosen("f")},
        optional={
            "target": chosen("/t", "t"),
            "uid": chosen("9"),
            "gid": chosen("9"),
            "mode": chosen(Plain("0440"), 256),
        },
    ),
)
RESERVED = optional(cpus=chosen("0.5", 1.5, 2), memory=chosen("64m", "1.5gb"))
LIMITS = optional(cpus=chosen("0.5", 1.5, 2), memory=chosen("64m", "1.5gb"), pids=chosen(5, 0))
IMAGES = chosen("a:1", "${SET}/${UNSET:-b}", "localhost:5000/x@sha256:" + "0" * 64)
KEYS: dict[str, st.SearchStrategy[Value]] = {
    "command": COMMANDS,
    "entrypoint": COMMANDS,
    "environment": PAIRS,
    "labels": LABELS,
    "annotations": LABELS,
    "ports": listed(PORTS),
    "volumes": listed(MOUNTS, 4),
    "expose": listed(chosen(80, "80", "90-91", "90/udp")),
    "networks": st.one_of(
        listed(chosen("front", "back"), 2), mapped(st.sampled_from(["front", "back"]), st.one_of(st.none(), ATTACHMENT))
    ),
    "healthcheck": optional(
        test=st.one_of(TEXTS, filled(chosen("CMD", "x", "CMD-SHELL", "NONE")), chosen(["CMD", "a"])),
        interval=DURATIONS,
        timeout=DURATIONS,
        start_period=DURATIONS,
        start_interval=DURATIONS,
        retries=SMALL,
        disable=FLAGS,
    ),
    "depends_on": st.one_of(
        chosen(["base"]),
        chosen([]),
        chosen({"base": {"condition": "service_healthy", "restart": True}}),
        chosen({"base": {"condition": "service_started", "required": False}}),
        chosen({"base": {"condition": "ready"}}),
    ),
    "restart": chosen("no", "always", "on-failure:3", Plain("no"), False),
    "profiles": listed(chosen("on", "x"), 2),
    "user": chosen("1:1", 5, "", "app"),
    "working_dir": TEXTS,
    "hostname": chosen("h", Plain("yes"), Plain("5")),
    "domainname": chosen("d"),
    "platform": chosen("linux/amd64"),
    "init": FLAGS,
    "attach": FLAGS,
    "privileged": FLAGS,
    "read_only": FLAGS,
    "tty": FLAGS,
    "stdin_open": FLAGS,
    "stop_grace_period": DURATIONS,
    "stop_signal": chosen("SIGINT"),
    "shm_size": SIZES,
    "mem_limit": SIZES,
    "mem_reservation": SIZES,
    "memswap_limit": SIZES,
    "cpus": NUMBERS,
    "pids_limit": SMALL,
    "ulimits": mapped(NAMES, st.one_of(LIMIT, st.fixed_dictionaries({"soft": LIMIT, "hard": LIMIT}))),
    "sysctls": LABELS,
    "tmpfs": st.one_of(chosen("/t"), listed(chosen("/t", "/t:size=5m", "/u"))),
    "cap_add": listed(chosen("ALL", "NET_ADMIN")),
    "cap_drop": listed(chosen("ALL", "NET_ADMIN")),
    "security_opt": filled(chosen("a", "b:c")),
    "group_add": filled(chosen("mail", 1000, "x")),
    "dns": st.one_of(chosen("8.8.8.8"), listed(chosen("1.1.1.1", "8.8.8.8"))),
    "dns_search": chosen("a.b", ["a.b", "c"]),
    "dns_opt": listed(chosen("a:1", "b=2")),
    "extra_hosts": chosen(["b=1.1.1.1", "a:2.2.2.2", "c=[::1]", "c:::1"], {"b": "1.1.1.1", "a": "::1"}, ["x"]),
    "logging": optional(driver=chosen("json-file"), options=mapped(NAMES, chosen("a", 3, None, 1.5, False))),
    "secrets": listed(FILE_MOUNT, 2),
    "configs": listed(FILE_MOUNT, 2),
    "deploy": st.one_of(
        st.none(),
        optional(
            mode=chosen("replicated"),
            labels=LABELS,
            endpoint_mode=chosen("vip"),
            replicas=chosen(1, "2"),
            resources=optional(limits=LIMITS, reservations=RESERVED),
            restart_policy=optional(condition=chosen("any"), delay=DURATIONS, max_attempts=SMALL, window=DURATIONS),
            update_config=optional(
                parallelism=SMALL, delay=DURATIONS, order=chosen("start-first"), max_failure_ratio=chosen(0.3)
            ),
            placement=optional(
                constraints=filled(chosen("a==b")), preferences=chosen([{"spread": "x"}]), max_replicas_per_node=SMALL
            ),
        ),
    ),
    "network_mode": chosen("host", "none", "bridge", "container:x", "service:base"),
    "extends": chosen(
        "rich",
        {"service": "rich"},
        {"service": "far", "file": "./far/far.yaml"},
        {"service": "near", "file": "far/far.yaml"},
        "gone",
        {"file": "far/far.yaml"},
    ),
    "blkio_config": optional(weight=chosen(0, 10, 2.0, -1)),
    "cgroup": chosen("host", "private", "other"),
    "uts": chosen("host"),
    "ipc": chosen("host"),
    "pid": chosen("host"),
    "devices": listed(chosen("/dev/a", "/dev/a:/dev/b", "/dev/a:/dev/c:r")),
    "pull_policy": chosen("always"),
    "scale": chosen(1, "2"),
    "x-mine": chosen({"a": 1}),
}


def service(keys: set[str]) -> st.SearchStrategy[dict[str, Value]]:
    """Return services with an image and `keys`."""
    return st.fixed_dictionaries({"image": IMAGES, **{key: KEYS[key] for key in sorted(keys)}})


SERVICES = st.sets(st.sampled_from(sorted(KEYS)), min_size=1, max_size=5).flatmap(service)
