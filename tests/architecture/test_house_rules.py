"""What the house promises about itself: settings, layers, the map, the lock, cores without a loop."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from bot.settings import SECRETS, Settings

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]

EXAMPLE = re.compile(r"^(?:# )?(?P<name>[A-Z][A-Z0-9_]+)=(?P<value>.*)$", re.MULTILINE)


# ---------------------------------------------------------------------------- settings


def examples() -> dict[str, str]:
    found = EXAMPLE.findall((ROOT / ".env.example").read_text(encoding="utf-8"))
    assert len({name for name, _ in found}) == len(found), "a setting stands twice"
    return dict(found)


def test_the_example_lists_every_setting_once_and_no_other() -> None:
    assert set(examples()) == {name.upper() for name in Settings.model_fields}


def test_the_example_shows_every_default() -> None:
    shown = examples()
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else str(field.default)
        number = default.removesuffix(".0")
        assert shown[name.upper()] in {default, number}, name


def test_what_the_example_does_not_comment_out_is_empty() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert re.findall(r"^[A-Z].*=(.+)$", text, re.MULTILINE) == []


def test_every_secret_is_a_setting_that_hides_itself() -> None:
    for name in SECRETS:
        assert "SecretStr" in str(Settings.model_fields[name.lower()].annotation), name


def test_the_readme_names_only_settings_that_exist() -> None:
    named = set(re.findall(r"`((?:KITH|STEPFUN|DISCORD)_[A-Z_]+)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {name.removesuffix("_FILE") for name in named} <= {name.upper() for name in Settings.model_fields}


# ---------------------------------------------------------------------------- the map


def test_every_path_that_the_readme_shows_exists() -> None:
    for page in (ROOT / "README.md", ROOT / "bot" / "README.md", ROOT / "personas" / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} points to {target}"


def test_every_package_has_a_place_in_the_layers() -> None:
    layers = " ".join(PROJECT["tool"]["importlinter"]["contracts"][0]["layers"])
    elsewhere = {"local"}  # a process of its own
    packages = {path.parent.name for path in (ROOT / "bot").glob("*/__init__.py")} - elsewhere
    assert {name for name in packages if f"bot.{name}" not in layers} == set()


def test_what_ships_beside_the_code_is_where_the_code_looks() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {"bot", "cogs", "migrations"} <= set(wheel["packages"])
    assert "personas" in wheel["force-include"]


# ---------------------------------------------------------------------------- dependencies


def lock() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_lock_names_no_registry_and_hashes_everything() -> None:
    assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host", lock())
    pins = re.findall(r"^[A-Za-z0-9_.-]+==", lock(), re.MULTILINE)
    blocks = re.split(r"^(?=[A-Za-z0-9_.-]+==)", lock(), flags=re.MULTILINE)[1:]
    assert len(pins) > 40
    assert all("--hash=sha256:" in block for block in blocks)


FLOORS = {"PyNaCl": (1, 6, 2), "aiohttp": (3, 13, 4), "davey": (0, 1, 7), "websockets": (17, 0)}
"""Versions that carry fixes we rely on (CVE-2025-69277, CVE-2026-22815, CVE-2026-34516) or interfaces we were built against."""


@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_no_installed_or_locked_version_lacks_its_fixes(package: str, floor: tuple[int, ...]) -> None:
    locked = re.search(rf"^{package}==([0-9.]+)", lock(), re.MULTILINE | re.IGNORECASE)
    assert locked is not None
    for found in (locked.group(1), version(package)):
        assert tuple(int(part) for part in re.findall(r"\d+", found)[:3]) >= floor, found


# ---------------------------------------------------------------------------- cores and shells

CORES = {
    "audio": {"soundfile", "speech_model"},
    "voice": {
        "connection",
        "socket",
        "pacer",
        "line",
        "talker",
        "websocket",
        "admission",
        "discovery",
        "surroundings",
        "voice_state",
    },
    "realtime": {"link", "probes", "upgrade", "backoff", "writing"},
    "conversation": {"session", "call", "calls", "services"},
    "personas": {"library"},
    "memory": {"call", "keeping", "summing_up", "keeper", "chat", "shelves"},
    "tools": {"toolbox", "reminders", "search", "guarded_http"},
}
"""Packages of cores, and the modules in them that are shells."""

SHELL_MODULES = {"asyncio", "threading", "socket", "time", "random", "discord", "aiohttp", "websockets"}


def imports_of(path: Path) -> set[str]:
    """Top-level names of what a module imports; what it imports for types alone does not count."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", CORES)
def test_cores_import_neither_loop_nor_clock_nor_discord(package: str) -> None:
    for path in (ROOT / "bot" / package).rglob("*.py"):
        if path.stem not in CORES[package]:
            assert imports_of(path) & SHELL_MODULES == set(), path.relative_to(ROOT)


def calls_in(path: Path) -> list[tuple[ast.Call, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [(node, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call)]


BOUNDED_BY_CODE = {
    "bot/realtime/backlog.py": "a Backlog drops or refuses what is beyond its limits",
    "bot/realtime/link.py": "what one message caused, told before the next is read",
}
"""A deque without `maxlen` is bounded by a comment on its line that says how, or by one of these."""


def test_no_queue_is_unbounded() -> None:
    for path in SOURCES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for call, name in calls_in(path):
            if name not in {"asyncio.Queue", "Queue", "queue.Queue", "deque", "collections.deque"}:
                continue
            if "bench" in path.parts:
                continue  # ends with its measurement
            is_bounded = bool(call.keywords) or len(call.args) == (2 if "deque" in name else 1)
            is_explained = "bounded by" in lines[call.lineno - 1] or str(path.relative_to(ROOT)) in BOUNDED_BY_CODE
            assert is_bounded or is_explained, f"{path.relative_to(ROOT)}:{call.lineno}"


def test_library_code_does_not_print() -> None:
    for path in SOURCES:
        for call, name in calls_in(path):
            assert name != "print" or path.name == "__main__.py", f"{path.relative_to(ROOT)}:{call.lineno}"


def test_no_error_is_swallowed_unseen() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                broad = ast.unparse(node.type) in {"Exception", "BaseException"}
                empty = all(isinstance(line, (ast.Pass, ast.Continue)) for line in node.body)
                assert not (broad and empty), f"{path.relative_to(ROOT)}:{node.lineno}"


def test_no_statement_is_made_of_strings() -> None:
    """SQL goes through expressions and bound values; a format string in `text()` or `exec_driver_sql()` is refused."""
    for path in (ROOT / "bot" / "storage").rglob("*.py"):
        for call, name in calls_in(path):
            if name.split(".")[-1] in {"exec_driver_sql", "text"} and call.args:
                assert isinstance(call.args[0], ast.Constant), f"{path.relative_to(ROOT)}:{call.lineno}"


def test_every_module_says_what_it_is() -> None:
    for path in SOURCES:
        if path.read_text(encoding="utf-8").strip():
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path.relative_to(ROOT)


def test_every_test_module_says_which_tier_it_is() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert re.search(r"^pytestmark = ", path.read_text(encoding="utf-8"), re.MULTILINE), path.relative_to(ROOT)
