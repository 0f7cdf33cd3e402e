"""Check that the private files of project.yml are there and are the right ones; say where missing ones come from."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any, Optional

import srsly
from wasabi import msg

ROOT = Path(__file__).parent.parent


def problem(asset: dict[str, Any], root: Path) -> Optional[str]:
    """Say what is wrong with an asset: "missing", or that it is another file; None if nothing is."""
    path = root / asset["dest"]
    if not path.is_file():
        return "missing"
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return None if found == asset["checksum"] else f"another file (its MD5 is {found})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("under", nargs="?", default="assets/private", help="check files in this folder only")
    parser.add_argument("--project", type=Path, default=ROOT / "project.yml", help="project file (default: this one)")
    arguments = parser.parse_args()
    assets = srsly.read_yaml(arguments.project).get("assets", [])
    # What has an address can be fetched, and is none of ours to bring.
    private = [each for each in assets if "checksum" in each and "url" not in each and "git" not in each]
    private = [each for each in private if each["dest"].startswith(f"{arguments.under.rstrip('/')}/")]
    if not private:
        msg.fail(f"{arguments.project} has no private files under {arguments.under}", exits=1)
    wrong = [(asset, found) for asset in private if (found := problem(asset, arguments.project.parent))]
    for asset, found in wrong:
        msg.fail(f"{asset['dest']}: {found}. Expected MD5: {asset['checksum']}", asset.get("description", ""))
    if wrong:
        sys.exit(1)
    msg.good(f"{len(private)} private files are there and are the right ones")


if __name__ == "__main__":
    main()
