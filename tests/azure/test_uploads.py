"""Files into a datastore: opened by a SAS, by a key or by roles; sent once; whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.azure.conftest import Client
from tests.azure.simulator.beside import Beside, beside
from tests.azure.simulator.datastores import add_datastore
from tests.azure.simulator.names import target

from sluice.errors import AccessDenied, SpecError, Unsupported
from sluice.spec.content import model_content
from sluice.targets.azure.cloud import Cloud
from sluice.targets.azure.uploads import Upload, Uploader

PLACE = "blobs/azureml-blobstore/LocalUpload/abc/model"
KEY = "c2VjcmV0LWtleS1vZi10aGUtYWNjb3VudA=="


@pytest.fixture
def around() -> Iterator[Beside]:
    with beside() as kept:
        yield kept


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"\0" * 100)
    (folder / "code" / "score me.py").write_text("print()")
    return folder


def uploader(client: Client, around: Beside, root: Path) -> Uploader:
    cloud = Cloud(blobs=around.environ["SLUICE_AZURE_BLOBS"])
    return Uploader(client.arm, cloud, client.login, root)


def upload(client: Client, model: Path, place: str = "LocalUpload/abc/model") -> Upload:
    return Upload(client.world.workspace_id, "workspaceblobstore", model, model_content(model).sha256, place)


@pytest.mark.parametrize(
    ("secrets", "keys"),
    [
        ({"secretsType": "Sas", "sasToken": "?sv=1&sig=from-the-datastore"}, {}),
        ({"secretsType": "AccountKey", "key": KEY}, {"blobs": KEY}),
        (None, {}),
    ],
)
def test_a_folder_is_put_there_whichever_way_the_datastore_is_opened(
    client: Client, around: Beside, model: Path, secrets: dict[str, Any] | None, keys: dict[str, str]
) -> None:
    add_datastore(client.world, secrets)
    around.keys = keys
    address = uploader(client, around, model.parent).put(upload(client, model))
    assert address == f"{around.url}/blobs/{PLACE}"
    assert around.blobs[f"{PLACE}/weights.bin"] == b"\0" * 100
    assert around.blobs[f"{PLACE}/code/score me.py"] == b"print()"


def test_what_is_there_is_not_sent_again(client: Client, around: Beside, model: Path) -> None:
    add_datastore(client.world)
    for _ in range(2):
        uploader(client, around, model.parent).put(upload(client, model))
    assert [method for method, _ in around.requests] == ["HEAD", "PUT", "PUT", "PUT", "HEAD"]


def test_what_was_cut_short_goes_on(client: Client, around: Beside, model: Path) -> None:
    add_datastore(client.world)
    around.blobs[f"{PLACE}/weights.bin"] = b"\0" * 100
    uploader(client, around, model.parent).put(upload(client, model))
    assert f"{PLACE}/code/score me.py" in around.blobs


def test_the_same_content_under_another_name_is_sent(client: Client, around: Beside, model: Path) -> None:
    add_datastore(client.world)
    uploader(client, around, model.parent).put(upload(client, model))
    other = model.rename(model.with_name("other"))
    uploader(client, around, model.parent).put(upload(client, other, "LocalUpload/abc/other"))
    assert f"{PLACE.removesuffix('model')}other/weights.bin" in around.blobs


def test_a_large_file_goes_in_blocks(client: Client, around: Beside, tmp_path: Path) -> None:
    add_datastore(client.world)
    file = tmp_path / "model"
    file.write_bytes(bytes(range(250)) * 10)
    replace(uploader(client, around, tmp_path), block=1000).put(upload(client, file))
    assert around.blobs[PLACE] == file.read_bytes()
    assert not around.blocks


def test_files_that_change_meanwhile_are_refused(client: Client, around: Beside, model: Path) -> None:
    add_datastore(client.world)
    planned = upload(client, model)
    (model / "weights.bin").write_bytes(b"other")
    with pytest.raises(SpecError, match="changed while they were being deployed"):
        uploader(client, around, model.parent).put(planned)
    assert not around.blobs


def test_a_storage_account_that_refuses_is_told_with_the_role_and_without_the_secret(
    client: Client, around: Beside, model: Path
) -> None:
    add_datastore(client.world, {"sasToken": "sv=1&sig=from-the-datastore"})
    around.denied = True
    with pytest.raises(AccessDenied) as refused:
        uploader(client, around, model.parent).put(upload(client, model))
    assert "Storage Blob Data Contributor" in refused.value.remedy
    assert "sig=" not in str(refused.value)


def test_a_datastore_of_another_kind_is_refused(client: Client, around: Beside, model: Path) -> None:
    named = target(f"{client.world.workspace_id}/datastores/workspaceblobstore")
    client.world.store(named, {"properties": {"datastoreType": "AzureFile"}, "secrets": {}})
    with pytest.raises(Unsupported, match="AzureFile"):
        uploader(client, around, model.parent).put(upload(client, model))
