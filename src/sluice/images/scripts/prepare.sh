#!/bin/sh
# Writes to /overlay what an image needs besides its packages: the way to them, and a user without privileges.
set -eu
python=$(command -v python || command -v python3) || { echo "the base image has no Python on PATH" >&2; exit 1; }

# Before the base's own packages, and whatever starts Python, and however: PYTHONPATH would be lost on the way.
site=$("$python" -c 'import os, site; print(os.path.realpath(site.getsitepackages()[0]))')
mkdir -p "/overlay$site"
echo 'import _sluice_packages' > "/overlay$site/sluice.pth"
cat > "/overlay$site/_sluice_packages.py" <<'PYTHON'
import site
import sys

known = list(sys.path)
site.addsitedir("/opt/packages")
added = [path for path in sys.path if path not in known]
place = next((index for index, path in enumerate(known) if path.endswith("-packages")), len(known))
sys.path[:] = [*known[:place], *added, *known[place:]]
PYTHON

mkdir -p /overlay/etc /overlay/home/sluice
if [ -f /etc/passwd ]; then cp /etc/passwd /overlay/etc/passwd; fi
if ! grep -q '^[^:]*:[^:]*:1000:' /overlay/etc/passwd 2>/dev/null; then
    echo 'sluice:x:1000:1000::/home/sluice:/bin/sh' >> /overlay/etc/passwd
fi
chown 1000:1000 /overlay/home/sluice
