"""A machine as its image is made from it, for the findings of the phase "generalised"."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

from hvprep.model.finding import Verdict

from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

#: Of a system that nobody has used: what mmdebstrap makes of Debian 12, shortened.
USERS = """\
file /etc/passwd
|root:x:0:0:root:/root:/bin/bash
|daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
|sync:x:4:65534:sync:/bin:/bin/sync
|nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
|systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin
|sshd:x:102:65534::/run/sshd:/usr/sbin/nologin
file /etc/shadow 640
|systemd-network:!*:20783::::::
|root:*:20783:0:99999:7:::
|daemon:*:20783:0:99999:7:::
|sync:*:20783:0:99999:7:::
|nobody:*:20783:0:99999:7:::
|sshd:!:20783::::::
file /etc/group
|root:x:0:
|adm:x:4:
file /etc/gshadow 640
|root:*::
|adm:*::
file /etc/login.defs
|UID_MIN			 1000
|UID_MAX			60000
dir /home
"""
ANN = "file /etc/passwd\n|root:x:0:0:root:/root:/bin/bash\n|ann:x:1000:1000:Ann:/home/ann:/bin/bash\n"


def clean_system(tmp_path: Path) -> Rig:
    """A tree that has nothing of anybody in it."""
    root = make_tree("small-system", tmp_path / "root")
    add_to_tree(root, USERS)
    return Rig(root, only="generalised")


def judge(rig: Rig, step: str, text: str = "") -> Tuple[Verdict, Tuple[str, ...]]:
    """What is said of the tree after `text` was added to it; the remedy is there where it is needed."""
    add_to_tree(rig.root, text)
    finding = rig.finding(step)
    assert finding.changes == ()
    assert finding.verdict is not Verdict.UNMET or finding.remedy
    return finding.verdict, finding.because


def expect(rig: Rig, step: str, text: str, words: Optional[str]) -> None:
    """UNMET with these words in exactly one sentence; MET where there are none."""
    verdict, because = judge(rig, step, text)
    assert (verdict is Verdict.UNMET) == (words is not None), (verdict, because)
    if words is None:
        assert verdict is Verdict.MET, because
    else:
        assert len([sentence for sentence in because if words in sentence]) == 1, because
