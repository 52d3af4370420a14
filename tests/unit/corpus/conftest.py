from __future__ import annotations

from pathlib import Path

import pytest
from corpus import CORPUS, lay_out


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the corpus with empty files in the places of those that stood around the real ones."""
    if not (CORPUS / "real.tsv").is_file():
        pytest.skip(f"no corpus at {CORPUS}; SLUICE_CORPUS names another place")
    folder = tmp_path_factory.mktemp("corpus")
    lay_out(folder)
    return folder
