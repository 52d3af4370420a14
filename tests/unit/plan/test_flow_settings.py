"""PRT_CONFIG_OVERRIDE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.plan.flow_settings import Place, config_override

PLACEHOLDERS = {
    "<subscription_id>": "deployment.subscription_id",
    "<resource_group>": "deployment.resource_group",
    "<workspace_name>": "deployment.workspace_name",
    "<endpoint_name>": "deployment.endpoint_name",
    "<deployment_name>": "deployment.deployment_name",
}
ALL_FIVE = (
    "deployment.subscription_id=sub,deployment.resource_group=rg,deployment.workspace_name=ws,"
    "deployment.endpoint_name=qa,deployment.deployment_name=blue"
)


def override(value: str | None) -> str:
    return config_override(value, Place("sub", "rg", "ws", "qa", "blue"))


def test_without_a_value_it_names_all_five() -> None:
    assert override(None) == ALL_FIVE


def test_the_documents_placeholders_are_filled_in() -> None:
    template = ",".join(f"{key}={placeholder}" for placeholder, key in PLACEHOLDERS.items())

    assert override(template) == ALL_FIVE


def test_what_the_user_wrote_out_is_kept() -> None:
    assert (
        override("deployment.subscription_id=mine,deployment.endpoint_name=<endpoint_name>,storage=x")
        == "deployment.subscription_id=mine,deployment.endpoint_name=qa,storage=x"
    )


@given(st.text(min_size=1).filter(lambda text: not any(p in text for p in PLACEHOLDERS)))
def test_a_value_without_placeholders_is_left_alone(value: str) -> None:
    assert override(value) == value


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_no_placeholder_is_left(placeholder: str) -> None:
    assert placeholder not in override(f"a={placeholder},b={placeholder}")
