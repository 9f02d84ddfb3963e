"""cloud-init's files, merged as cloud-init merges them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hvprep.errors import FormatError
from hvprep.facts.cloud_config import config_files, read_cloud_config
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

MAIN = "file /etc/cloud/cloud.cfg\n|datasource_list: [ NoCloud, None ]\n|a:\n|  b: 1\n|  c: [ 1 ]\n"


def test_nothing_is_told(tmp_path: Path) -> None:
    config = read_cloud_config(Root(tmp_path))
    assert (config.node.members, config.datasources, config.get("a", "b")) == ((), None, None)


def test_later_files_win_and_mappings_are_merged(tmp_path: Path) -> None:
    add_to_tree(
        tmp_path,
        MAIN + "file /etc/cloud/cloud.cfg.d/91-a.cfg\n|datasource_list: [ Azure ]\n|a: {c: [2], d: 3}\n"
        "file /etc/cloud/cloud.cfg.d/10-b.cfg\n|a: {c: x, e: 5}\n|datasource_list: [ Ec2 ]\n"
        "file /etc/cloud/cloud.cfg.d/.99-hidden.cfg\n|a: {e: 6}\n"
        "file /etc/cloud/cloud.cfg.d/99-off.cfg.bak\n|a: {e: 7}\n"
        "dir /etc/cloud/cloud.cfg.d/99-dir.cfg\n",
    )
    config = read_cloud_config(Root(tmp_path))
    assert [path.name for path in config_files(Root(tmp_path))] == [
        "cloud.cfg",
        ".99-hidden.cfg",
        "10-b.cfg",
        "91-a.cfg",
    ]
    texts = {key: node.texts for key, node in (config.get("a") or config.node).members or ()}
    assert texts == {"b": ("1",), "c": ("2",), "e": ("5",), "d": ("3",)}
    assert config.datasources == ("Azure",)
    assert str(config.sources["datasource_list"]) == "/etc/cloud/cloud.cfg.d/91-a.cfg"


@pytest.mark.parametrize(
    ("text", "datasources"),
    [
        ("datasource_list: []", None),
        ("datasource_list:", None),
        ("datasource_list: ~", None),
        ("x: y", None),
        ("datasource_list:\n|- Azure\n|- 'None'", ("Azure", "None")),
    ],
)
def test_lists_of_datasources(tmp_path: Path, text: str, datasources: object) -> None:
    add_to_tree(tmp_path, f"file /etc/cloud/cloud.cfg\n|{text}\n")
    assert read_cloud_config(Root(tmp_path)).datasources == datasources


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("datasource_list: Azure", "is no list of names"),
        ("datasource_list: [[Azure]]", "is no list of names"),
        ("datasource_list: {Azure: x}", "is no list of names"),
        ("a: !!x b", "cloud.cfg: line 1: this is beyond"),
        ("- a", "cloud.cfg: it is no mapping"),
        ("## template: jinja\n|a: b", "cloud.cfg: it is a template"),
        ("merge_how: 'dict(replace)'", "cloud.cfg: merge_how changes"),
        ("conf_d: /other", "cloud.cfg: conf_d changes"),
        ("a: \udcff", "cloud.cfg is no text in UTF-8"),
    ],
)
def test_what_cannot_be_known_is_refused(tmp_path: Path, text: str, words: str) -> None:
    add_to_tree(tmp_path, f"file /etc/cloud/cloud.cfg\n|{text}\n")
    with pytest.raises(FormatError, match=words) as caught:
        _ = read_cloud_config(Root(tmp_path)).datasources
    assert caught.value.hint


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    add_to_tree(tmp_path, "file /etc/cloud/cloud.cfg\n|# x\n")
    with (tmp_path / "etc/cloud/cloud.cfg").open("a") as file:
        file.write("#\n" * (1 << 20))
    with pytest.raises(FormatError):
        read_cloud_config(Root(tmp_path))
