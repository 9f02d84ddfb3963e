"""What a module directory says is understood the way modprobe understands it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hvprep.errors import FormatError
from hvprep.formats.kernel_modules import (
    Builtin,
    Loadable,
    ModuleIndex,
    module_name,
    normalise_alias,
    parse_module_index,
)
from hypothesis import given
from hypothesis import strategies as st

# Lines of Debian 12's linux-image-6.1.0-56-amd64.
DEP = b"""\
kernel/arch/x86/crypto/crc32c-intel.ko:
kernel/crypto/crc32c_generic.ko:
kernel/crypto/xxhash_generic.ko:
kernel/crypto/blake2b_generic.ko:
kernel/crypto/xor.ko:
kernel/lib/crc16.ko:
kernel/lib/libcrc32c.ko:
kernel/lib/raid6/raid6_pq.ko:
kernel/lib/zstd/zstd_compress.ko:
kernel/fs/mbcache.ko:
kernel/fs/jbd2/jbd2.ko:
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko
kernel/fs/btrfs/btrfs.ko: kernel/crypto/xor.ko kernel/lib/raid6/raid6_pq.ko kernel/lib/zstd/zstd_compress.ko \
kernel/lib/libcrc32c.ko
kernel/drivers/scsi/scsi_common.ko:
kernel/drivers/scsi/scsi_mod.ko: kernel/drivers/scsi/scsi_common.ko
kernel/drivers/scsi/scsi_transport_fc.ko: kernel/drivers/scsi/scsi_mod.ko kernel/drivers/scsi/scsi_common.ko
kernel/drivers/scsi/hv_storvsc.ko: kernel/drivers/scsi/scsi_transport_fc.ko kernel/drivers/scsi/scsi_mod.ko \
kernel/drivers/scsi/scsi_common.ko kernel/drivers/hv/hv_vmbus.ko
kernel/drivers/hv/hv_vmbus.ko:
kernel/drivers/hv/hv_utils.ko: kernel/drivers/hv/hv_vmbus.ko
kernel/drivers/hid/hid.ko:
kernel/drivers/hid/hid-hyperv.ko: kernel/drivers/hid/hid.ko kernel/drivers/hv/hv_vmbus.ko
kernel/drivers/gpu/drm/hyperv/hyperv_drm.ko: kernel/drivers/hv/hv_vmbus.ko
"""
BUILTIN = b"kernel/crypto/sha256_generic.ko\nkernel/lib/crc32.ko\nkernel/drivers/pci/pci-builtin.ko\n"
SOFTDEP = b"""\
# Soft dependencies extracted from modules themselves.
softdep ext4 pre: crypto-crc32c
softdep jbd2 pre: crypto-crc32c
softdep cifs gcm
softdep hid-hyperv gone pre: also-gone post: hv_utils
softdep btrfs pre: blake2b-256
softdep btrfs pre: sha256
softdep btrfs pre: xxhash64
softdep btrfs pre: crypto-crc32c
softdep xor post: hv_utils pre: xxhash64 sha256 post: hv_vmbus
softdep libcrc32c pre: crc32c
softdep
softdep broken
"""
ALIAS = b"""\
# Aliases extracted from modules themselves.
alias crypto-crc32c crc32c_intel
alias crc32c crc32c_intel
alias cpu:type:x86,ven*fam*mod*:feature:*0094* crc32c_intel
alias crypto-crc32c crc32c_generic
alias crc32c crc32c_generic
alias blake2b-256 blake2b_generic
alias xxhash64 xxhash_generic
alias sha256 sha256_ssse3
alias fs-ext4 ext4
alias fs-ext3 ext4
alias acpi*:VMBus:* hv_vmbus
alias acpi*:VMBUS:* hv_vmbus
alias vmbus:4acc9b2f6900f34ab76b6fd0be528cda hv_storvsc
alias pci:v00001414d00005353sv*sd*bc*sc*i* hyperv_drm
alias hid:b0006g*v[0-9]-* hid-hyperv
alias fs-gone gone
alias garbled
"""
MODINFO = (
    b"sha256_generic.alias=crypto-sha256\0sha256_generic.alias=sha256\0sha256_generic.license=GPL\0"
    b"\0garbled\0crc32.description=x.alias=y\0"
)


@pytest.fixture
def index() -> ModuleIndex:
    return parse_module_index(DEP, BUILTIN, SOFTDEP, ALIAS, MODINFO)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("kernel/drivers/hv/hv_vmbus.ko", "hv_vmbus"),
        ("kernel/drivers/hid/hid-hyperv.ko.xz", "hid_hyperv"),
        ("a.ko.zst", "a"),
        ("/lib/a-b-c.ko.gz", "a_b_c"),
        ("a.b.ko", "a.b"),
        ("a.ko.bz2", None),
        ("a.ko.xz.tmp", None),
        ("a.kox", None),
        ("dir.ko/a", None),
        (".ko", None),
        ("x/.ko.xz", None),
        ("", None),
    ],
)
def test_module_name(path: str, name: str | None) -> None:
    assert module_name(path) == name


@pytest.mark.parametrize(
    ("alias", "plain"),
    [("a-b", "a_b"), ("a-[0-9]-b", "a_[0-9]_b"), ("a-[b", "a_[b"), ("[a-b][c-d]", "[a-b][c-d]")],
)
def test_normalise_alias(alias: str, plain: str) -> None:
    assert normalise_alias(alias) == plain


def test_a_module_is_found_by_either_spelling(index: ModuleIndex) -> None:
    path = "kernel/drivers/hid/hid-hyperv.ko"
    assert index.path_of("hid-hyperv") == index.path_of("hid_hyperv") == path
    assert index.path_of("hid_none") is None
    assert index.is_builtin("pci-builtin")
    assert index.is_builtin("pci_builtin")
    assert not index.is_builtin("hid_hyperv")
    assert index.dependencies("hid-hyperv") == ("hid", "hv_vmbus")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("hv_vmbus", ["hv_vmbus"]),
        ("hv-vmbus", ["hv_vmbus"]),
        ("fs-ext4", ["ext4"]),
        ("fs_ext3", ["ext4"]),
        ("crypto-crc32c", ["crc32c_intel", "crc32c_generic"]),
        ("vmbus:4acc9b2f6900f34ab76b6fd0be528cda", ["hv_storvsc"]),
        ("pci:v00001414d00005353sv00000000sd00000000bc03sc00i00", ["hyperv_drm"]),
        ("acpi:VMBus:", ["hv_vmbus"]),
        ("hid:b0006g0001v5-x", ["hid_hyperv"]),
        ("hid:b0006g0001vx-x", []),
        ("crc32", ["crc32"]),
        ("sha256", ["sha256_generic"]),
        ("crypto_sha256", ["sha256_generic"]),
        ("fs-gone", []),
        ("garbled", []),
        ("", []),
    ],
)
def test_candidates(index: ModuleIndex, asked: str, found: list[str]) -> None:
    assert [one.name for one in index.candidates(asked)] == found
    resolved = index.resolve(asked)
    assert (resolved.name if resolved else None) == (found[0] if found else None)


def test_what_is_built_in_and_what_is_a_file(index: ModuleIndex) -> None:
    assert index.resolve("sha256") == Builtin("sha256_generic")
    assert index.resolve("crc32") == Builtin("crc32")
    assert index.resolve("fs-ext4") == Loadable("ext4", "kernel/fs/ext4/ext4.ko")


def test_aliases_are_parsed_when_one_is_asked_for(index: ModuleIndex) -> None:
    index.closure(["hv_storvsc", "hv-utils"])
    assert "aliases" not in vars(index)
    assert index.aliases["crypto_crc32c"] == ("crc32c_intel", "crc32c_generic")
    assert "aliases" in vars(index)


@pytest.mark.parametrize(
    ("asked", "modules", "groups"),
    [
        ("hv_vmbus", "hv_vmbus", []),
        ("hv-storvsc", "hv_storvsc hv_vmbus scsi_common scsi_mod scsi_transport_fc", []),
        ("hid_hyperv", "hid hid_hyperv hv_vmbus", []),
        ("fs-ext4", "crc16 ext4 jbd2 mbcache", [("crc32c_generic", "crc32c_intel")]),
        ("xfs", "libcrc32c xfs", [("crc32c_generic", "crc32c_intel")]),
        (
            "btrfs",
            "btrfs libcrc32c raid6_pq xor zstd_compress",
            [("blake2b_generic",), ("crc32c_generic", "crc32c_intel"), ("xxhash_generic",)],
        ),
        ("crypto-crc32c", "", [("crc32c_generic", "crc32c_intel")]),
    ],
)
def test_closure(index: ModuleIndex, asked: str, modules: str, groups: list[tuple[str, ...]]) -> None:
    closure = index.closure([asked])
    assert sorted(closure.modules) == modules.split()
    assert [group.candidates for group in closure.groups] == groups
    assert closure.unknown == ()


def test_the_closure_of_several_tells_what_is_built_in_and_what_is_unknown(index: ModuleIndex) -> None:
    closure = index.closure(["btrfs", "nothing", "crc32", "crc32c_intel", "no-thing", "nothing"])
    assert closure.unknown == ("nothing", "no-thing")
    assert closure.builtin == {"crc32", "sha256_generic"}
    assert "crc32c_intel" in closure.modules
    assert [group.candidates for group in closure.groups] == [("blake2b_generic",), ("xxhash_generic",)]


def test_what_is_missing(index: ModuleIndex) -> None:
    closure = index.closure(["ext4", "hv_utils"])
    assert closure.missing_from(["ext4", "crc16", "hv_utils", "other"]) == ("hv_vmbus", "jbd2", "mbcache")
    assert closure.missing_from(closure.modules) == ()
    assert [group.asked for group in closure.unsettled_by(closure.modules)] == ["crypto-crc32c"]
    assert closure.unsettled_by({"crc32c_intel"}) == closure.unsettled_by(["crc32c_generic"]) == ()


def test_an_alternative_needs_what_it_depends_on() -> None:
    index = parse_module_index(
        b"a.ko:\nb1.ko: c.ko\nb2.ko:\nc.ko:\n",
        softdep=b"softdep a pre: b\n",
        alias=b"alias b b1\nalias b b2\n",
    )
    closure = index.closure(["a"])
    assert list(map(set, closure.groups[0].alternatives)) == [{"b1", "c"}, {"b2"}]
    assert len(closure.unsettled_by(["a", "b1"])) == 1
    assert closure.unsettled_by(["a", "b1", "c"]) == ()


def test_an_alias_goes_before_a_built_in_module_of_that_name() -> None:
    index = parse_module_index(b"crc32_generic.ko:\n", BUILTIN, alias=b"alias crc32 crc32_generic\n")
    assert index.resolve("crc32") == Loadable("crc32_generic", "crc32_generic.ko")
    assert index.is_builtin("crc32")


def test_without_modinfo_an_alias_of_what_is_built_in_is_looked_up_among_the_files() -> None:
    alias = b"alias sha256 sha256_ssse3\n"
    index = parse_module_index(b"a.ko:\nsha256_ssse3.ko:\n", BUILTIN, b"softdep a pre: sha256\n", alias)
    assert [group.candidates for group in index.closure(["a"]).groups] == [("sha256_ssse3",)]


def test_absolute_paths_of_old_depmod_and_comments() -> None:
    index = parse_module_index(
        b"# old\n\n/lib/modules/2.6.18/a.ko: /lib/modules/2.6.18/b.ko\n/lib/modules/2.6.18/b.ko:\n"
    )
    assert index.path_of("a") == "/lib/modules/2.6.18/a.ko"
    assert index.closure(["a"]).modules == {"a", "b"}


@pytest.mark.parametrize(
    ("dep", "number"),
    [
        (b"a.ko:\nb.ko\n", 2),
        (b"garbage", 1),
        (b"a.ko:\n\n#\nb.txt: a.ko\n", 4),
        (b"\xff\0:", 1),
        (b":", 1),
        (b"a.ko", 1),
    ],
)
def test_a_garbled_line_of_modules_dep_is_an_error(dep: bytes, number: int) -> None:
    with pytest.raises(FormatError, match=f"line {number}") as caught:
        parse_module_index(dep)
    assert caught.value.hint


def test_a_garbled_dependency_is_an_error() -> None:
    index = parse_module_index(b"a.ko: kernel/b.k\nc.ko:\n")
    assert index.closure(["c"]).modules == {"c"}
    with pytest.raises(FormatError, match="what a needs"):
        index.closure(["a"])


def test_dependencies_in_a_circle_end() -> None:
    index = parse_module_index(b"a.ko: b.ko\nb.ko: a.ko\n", softdep=b"softdep a pre: b\nsoftdep b pre: a\n")
    assert index.closure(["a"]).modules == {"a", "b"}
    assert index.closure(["a"]).groups == ()


@given(st.binary(max_size=300), st.binary(max_size=300), st.text(max_size=10))
def test_random_bytes_are_passed_over_or_a_format_error(noise: bytes, more: bytes, asked: str) -> None:
    index = parse_module_index(
        DEP, noise, noise, b"alias " + noise + b" x\nalias [" + more + b" y\n" + more, more
    )
    assert index.path_of("hv_vmbus")
    index.closure([asked, "ext4"])
    with suppress(FormatError):
        parse_module_index(DEP + noise).closure(["ext4", asked])


def test_a_hundred_thousand_modules_of_one_alias_take_no_hundred_thousand_steps_each() -> None:
    lines = (b"alias a m%d\n" % number for number in range(100_000))
    index = parse_module_index(b"m5.ko:\n", alias=b"".join(lines))
    assert index.candidates("a") == (Loadable("m5", "m5.ko"),)


NAMES = st.text(alphabet="abc_", min_size=1, max_size=4)


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=8))
def test_the_closure_holds_what_is_reached(needs: dict[str, list[str]]) -> None:
    lines = [f"k/{name}.ko.zst: {' '.join(f'k/{one}.ko.zst' for one in needs[name])}\n" for name in needs]
    closure = parse_module_index("".join(lines).encode()).closure(needs)
    assert closure.modules == set(needs).union(*needs.values())
    assert closure.unknown == ()
