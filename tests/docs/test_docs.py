"""The documents say what the code does: numbers, verbs and files that both name."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as text:
        return text.read()


def test_spec_lists_every_verify_result_with_its_number():
    code = dict(re.findall(r"VERIFY_(\w+) = (\d+),", read("verify", "result.h")))
    code.pop("NOT_CHECKED")
    spec = {name: number for number, name in re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", read("docs", "SPEC.md"), re.M)}
    assert spec == code


def test_every_code_of_the_table_is_unique_and_in_a_range_of_the_spec():
    numbers = [int(n) for file in ("codes.def", "codes_verify.def")
               for n in re.findall(r"GW_CODE_ENUM\(\w+, (\d+)", read("base", file))]
    assert len(numbers) == len(set(numbers)) > 100
    assert all(n // 1000 in (1, 2, 3, 4, 5, 6, 7, 9) for n in numbers)


def test_links_in_documents_lead_to_files_and_headings():
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/SPEC.md"):
        text = read(name)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert os.path.exists(os.path.join(TOP, os.path.dirname(name), target)), f"{name}: {target}"


def test_every_folder_of_the_house_is_in_the_architecture():
    text = read("ARCHITECTURE.md")
    for folder in ("base", "verify", "package", "cache", "ipc", "gatewayd", "routers", "transports", "subdevice-fw",
                   "sim", "tools", "tests"):
        assert f"`{folder}/`" in text, folder


def test_man_pages_name_every_verb():
    verbs = set(re.findall(r"\{\s*\.name = \"([a-z]+)\"", read("tools", "ctl_verbs.c"))
                or re.findall(r"\{\s*\"([a-z]+)\",", read("tools", "ctl_verbs.c")))
    page = read("tools", "gatewayctl.1.scd")
    assert verbs and not [verb for verb in verbs if verb not in page]


def test_nothing_outside_the_repository_is_referred_to():
    for folder, _, files in os.walk(TOP):
        if any(part in folder for part in ("/.git", "/build", "/.demo", "__pycache__", "/vectors", "/corpus")):
            continue
        for file in files:
            if file.endswith((".c", ".h", ".md", ".py", ".txt", ".cmake", ".def", ".varlink", ".scd")) \
                    and file != "test_docs.py":
                with open(os.path.join(folder, file), encoding="utf-8") as text:
                    assert not re.search(r"DESIGN\.md|FORMATS\.md|\.\./shared|facts/\w+\.md", text.read()), file
