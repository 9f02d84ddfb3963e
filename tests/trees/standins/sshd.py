"""A stand-in for sshd: refuses NoSuchKeyword, and everything once the file is there that sshd.fault names.
Ends as sshd does where nobody has made /run/sshd yet."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "etc").is_dir())


def main() -> None:
    option, key_option, key = sys.argv[1:]
    if (option, key_option) != ("-t", "-h") or "OPENSSH PRIVATE KEY" not in Path(key).read_text():
        raise SystemExit("usage: sshd -t -h KEY")
    config = ROOT / "etc/ssh/sshd_config"
    if not config.exists():
        raise SystemExit(f"{config}: No such file or directory")
    fault = ROOT / "usr/sbin/sshd.fault"
    is_faulty = fault.exists() and (ROOT / fault.read_text().strip()).exists()
    if "NoSuchKeyword" in config.read_text() or is_faulty:
        sys.stderr.write("Unable to load host key: /etc/ssh/ssh_host_rsa_key\r\n")
        raise SystemExit("/etc/ssh/sshd_config: line 1: Bad configuration option: NoSuchKeyword\r")
    raise SystemExit("Missing privilege separation directory: /run/sshd\r")


if __name__ == "__main__":
    main()
