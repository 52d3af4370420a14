"""What holds for the graph of any stack: order, reach, and where a secret may stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import Mark
from sluice.plan.access import ENFORCE, SECRETS_READER
from sluice.plan.graph import Graph, Output
from sluice.plan.local import Goal, plan_local
from sluice.spec.frozen import frozen_map
from sluice.spec.models import (
    Access,
    CodeConfiguration,
    Connection,
    Deployment,
    Endpoint,
    Environment,
    Flow,
    FlowConnectionUse,
    Grant,
    Identity,
    IdentityType,
    Model,
    ModelContent,
    SpecSet,
)
from sluice.spec.terms import SecretReference, SecretScheme

AT = Mark("some.yaml")
ROOT = Path("/a/project")
HIDDEN = "a secret that stands in the file"
ENDPOINTS = ["ark", "qa", "zoo"]
CONNECTIONS = ["chat", "search", "store"]

secrets = st.sampled_from(
    [
        SecretReference(SecretScheme.LITERAL, HIDDEN),
        SecretReference(SecretScheme.CONFIG, "some-name"),
        SecretReference(SecretScheme.ENV, "SOME_NAME"),
    ]
)
identities = st.sampled_from(
    [Identity(), Identity(IdentityType.USER_ASSIGNED, ("/subscriptions/s/mine", "/subscriptions/s/other/"))]
)


@st.composite
def models(draw: st.DrawFn) -> Model:
    uses = draw(st.lists(st.sampled_from(CONNECTIONS), max_size=2, unique=True))
    flow = Flow(Path("flow.dag.yaml"), tuple(FlowConnectionUse(name, "node") for name in uses), ("langchain",))
    digest = draw(st.sampled_from(["1" * 64, "2" * 64]))
    return Model(AT, path=ROOT / "flows", content=ModelContent(digest, frozen_map(), flow))


@st.composite
def deployments(draw: st.DrawFn, endpoint: str, name: str) -> Deployment:
    digest = draw(st.sampled_from(["1" * 64, "3" * 64]))
    code = CodeConfiguration(Path("code"), "score.py", ModelContent(digest, frozen_map()))
    variables = st.dictionaries(st.sampled_from(["MODE", "KEY", "chat"]), secrets | st.just("search"), max_size=3)
    return Deployment(
        name,
        endpoint,
        AT,
        model=draw(models()),
        environment=draw(st.none() | st.just(Environment(AT, requirements=("numpy", "langchain")))),
        code_configuration=draw(st.none() | st.just(code)),
        environment_variables=frozen_map(draw(variables)),
    )


@st.composite
def stacks(draw: st.DrawFn) -> SpecSet:
    """A stack without fault: every endpoint may read every connection, in one way or another."""
    names = draw(st.lists(st.sampled_from(ENDPOINTS), unique=True))
    derived = draw(st.booleans())
    endpoints = {
        name: Endpoint(
            name, AT, identity=draw(identities), properties=frozen_map({ENFORCE: "enabled"} if derived else {})
        )
        for name in names
    }
    colours = st.lists(st.sampled_from(["blue", "green"]), unique=True)
    everybody = [*names, "mine"]
    grants = tuple(Grant(name, SECRETS_READER, f"connection/{one}", AT) for name in everybody for one in CONNECTIONS)
    connections = [
        Connection(name, "open_ai", AT, frozen_map({"base": "u"}), frozen_map({"api_key": draw(secrets)}))
        for name in CONNECTIONS
    ]
    return SpecSet(
        ROOT,
        frozen_map(endpoints),
        tuple(draw(deployments(name, colour)) for name in names for colour in draw(colours)),
        connections=frozen_map({one.name: one for one in connections}),
        access=() if derived else (Access(AT, grants, replace=draw(st.booleans())),),
    )


def plan(specs: SpecSet) -> Graph:
    return plan_local(specs, {name: Goal(frozen_map({"blue": 100})) for name in specs.endpoints}, {"qa": 8001})


def leaves(value: object) -> Iterator[object]:
    """Every value in a tree, and every key."""
    if isinstance(value, Mapping):
        yield from value
        for child in value.values():
            yield from leaves(child)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from leaves(child)
    else:
        yield value


@settings(max_examples=60)
@given(stacks())
def test_every_resource_stands_after_all_it_needs(specs: SpecSet) -> None:
    before: set[str] = set()
    for resource in plan(specs).resources:
        assert set(resource.needs) <= before
        before.add(resource.key)


@settings(max_examples=60)
@given(stacks())
def test_every_output_that_is_used_is_of_something_needed(specs: SpecSet) -> None:
    for resource in plan(specs).resources:
        used = {leaf.resource for leaf in leaves(resource.properties) if isinstance(leaf, Output)}
        assert used <= set(resource.needs)


@settings(max_examples=60)
@given(stacks())
def test_keys_are_unique_and_all_that_is_specified_is_planned(specs: SpecSet) -> None:
    graph = plan(specs)
    keys = [resource.key for resource in graph.resources]
    assert len(set(keys)) == len(keys)
    assert [one.name for one in graph.of("Endpoint")] == list(specs.endpoints)
    assert [one.name for one in graph.of("Deployment")] == [f"{d.endpoint_name}/{d.name}" for d in specs.deployments]
    assert [one.name for one in graph.of("Connection")] == list(specs.connections)
    assert len(graph.of("Environment")) == len(specs.deployments)


@settings(max_examples=60)
@given(stacks())
def test_traffic_stands_after_all_deployments_of_its_endpoint(specs: SpecSet) -> None:
    graph = plan(specs)
    assert [one.name for one in graph.of("Traffic")] == list(specs.endpoints)
    for traffic in graph.of("Traffic"):
        mine = [one.key for one in graph.of("Deployment") if one.group == traffic.name]
        assert list(traffic.needs) == [f"Endpoint:{traffic.name}", *mine]


@settings(max_examples=60)
@given(stacks())
def test_one_endpoint_needs_nothing_of_another(specs: SpecSet) -> None:
    resources = {resource.key: resource for resource in plan(specs).resources}
    for resource in resources.values():
        needed = [resources[key] for key in resource.needs]
        assert {one.group for one in needed} <= {resource.group, None}
        grants = [one.properties["identity"] for one in needed if one.type == "RoleAssignment"]
        assert set(grants) <= {resource.properties.get("identity")}
        assert len(set(resource.needs)) == len(resource.needs)


@settings(max_examples=100)
@given(stacks())
def test_no_secret_stands_outside_of_a_secret_reference(specs: SpecSet) -> None:
    graph = plan(specs)
    written = [leaf for one in graph.resources for leaf in leaves(one.properties)]
    assert not [leaf for leaf in written if isinstance(leaf, str) and HIDDEN in leaf]
    assert HIDDEN not in repr(graph)
    given_in = sum(
        isinstance(value, SecretReference) for d in specs.deployments for value in d.environment_variables.values()
    )
    planned = sum(isinstance(leaf, SecretReference) for leaf in written)
    assert planned == given_in + len(specs.connections)


@settings(max_examples=60)
@given(stacks())
def test_the_same_specifications_give_the_same_graph(specs: SpecSet) -> None:
    assert plan(specs) == plan(specs)


@settings(max_examples=60)
@given(stacks())
def test_a_deployment_reads_what_its_flow_and_its_variables_name(specs: SpecSet) -> None:
    planned = {one.name: one for one in plan(specs).of("Deployment")}
    for deployment in specs.deployments:
        resource = planned[f"{deployment.endpoint_name}/{deployment.name}"]
        assert isinstance(deployment.model, Model)
        assert deployment.model.content is not None
        assert deployment.model.content.flow is not None
        override = deployment.environment_variables.get("chat")
        expected = {
            use.name: override if use.name == "chat" and isinstance(override, str) else use.name
            for use in deployment.model.content.flow.connections
        }
        assert resource.properties["connections"] == expected
        assert {f"Connection:{name}" for name in expected.values()} <= set(resource.needs)
        revisions = resource.properties["connectionRevisions"]
        assert revisions == {name: Output(f"Connection:{name}", "revision") for name in expected.values()}


def test_a_port_is_the_endpoints_that_has_one() -> None:
    specs = SpecSet(ROOT, frozen_map({name: Endpoint(name, AT) for name in ENDPOINTS}))
    assert [one.properties["port"] for one in plan(specs).of("Endpoint")] == [None, 8001, None]


def test_a_checkout_elsewhere_plans_the_same() -> None:
    def at(root: Path) -> SpecSet:
        model = Model(AT, path=root / "flows" / "qa", content=ModelContent("1" * 64, frozen_map(), Flow(Path("f"))))
        blue = Deployment("blue", "qa", AT, model=model)
        return SpecSet(root, frozen_map({"qa": Endpoint("qa", AT)}), (blue,))

    assert plan(at(Path("/here"))) == plan(at(Path("/over/there")))
    [planned] = plan(at(Path("/here"))).of("Model")
    assert planned.properties["path"] == "flows/qa"
    assert planned.name == f"qa-blue@{'1' * 12}"


def test_an_mlflow_model_brings_its_packages_unless_the_environment_names_its_own() -> None:
    files = frozen_map({"MLmodel": Path("MLmodel")})
    model = Model(AT, path=ROOT / "m", content=ModelContent("1" * 64, files, requirements=("mlflow==3.1.0",)))

    def asked_for(environment: Environment | None) -> object:
        deployment = Deployment("blue", "qa", AT, model=model, environment=environment)
        specs = SpecSet(ROOT, frozen_map({"qa": Endpoint("qa", AT)}), (deployment,))
        return plan(specs).of("Environment")[0].properties["requirements"]

    assert asked_for(None) == ["mlflow==3.1.0"]
    assert asked_for(Environment(AT, image="mcr.microsoft.com/azureml/mlflow-ubuntu20.04")) == ["mlflow==3.1.0"]
    assert asked_for(Environment(AT, requirements=("mlflow==2.9.2",))) == ["mlflow==2.9.2"]
