"""What kinds of files are told by, as data: addresses, keys, values of `type`, file names, each with its votes.

A name that is no kind of ours names a file that is recognised and out of scope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

Votes = Mapping[str, int]

# Last part of a `$schema` address, as Azure, prompt flow and we write it, with what it may mean.
_ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "managedOnlineEndpoint": ("endpoint",),
    "kubernetesOnlineEndpoint": ("endpoint",),
    "onlineEndpoint": ("endpoint",),
    "endpoint": ("endpoint",),
    "managedOnlineDeployment": ("deployment",),
    "kubernetesOnlineDeployment": ("deployment",),
    "onlineDeployment": ("deployment",),
    "deployment": ("deployment",),
    "model": ("model",),
    "environment": ("environment",),
    "access": ("access",),
    "stack": ("stack",),
    "config": ("config",),
    "flex-flow": ("flex-flow",),
    "flow": ("flow", "flex-flow", "flow metadata"),
    "run": ("run",),
    "workspace": ("workspace",),
    "connection": ("connection",),
    "workspaceConnection": ("connection",),
    "batchEndpoint": ("batch endpoint",),
    "batchDeployment": ("batch deployment",),
    "data": ("data asset",),
    "dataset": ("data asset",),
    "compute": ("compute",),
    "amlCompute": ("compute",),
    "computeInstance": ("compute",),
    "virtualMachineCompute": ("compute",),
    "kubernetesCompute": ("compute",),
    "synapseSparkCompute": ("compute",),
    "hub": ("hub",),
    "project": ("project",),
    "registry": ("registry",),
    "schedule": ("schedule",),
    "monitorSchedule": ("schedule",),
    "featureStore": ("feature store",),
    "featureSet": ("feature set",),
    "featureStoreEntity": ("feature store entity",),
    "serverlessEndpoint": ("serverless endpoint",),
    "marketplaceSubscription": ("marketplace subscription",),
    "experiment": ("prompt flow experiment",),
    "prompty": ("prompty",),
    "capabilityHost": ("capability host",),
    "deploymentTemplate": ("deployment template",),
    "evaluator": ("evaluator",),
    "index": ("index",),
    "rollout": ("rollout",),
    "session": ("session",),
    "evaluation": ("evaluation",),
}
KNOWN_ADDRESSES: Final = tuple(_ADDRESSES)
ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {name.lower(): sorts for name, sorts in _ADDRESSES.items()}
ADDRESS_SUFFIXES: Final = (
    ("connection", "connection"),
    ("batchdeployment", "batch deployment"),
    ("component", "component"),
    ("job", "job"),
    ("datastore", "datastore"),
    ("schedule", "schedule"),
)

# Keys at the top of a file and how telling each is: 1 common, 3 enough by itself, 5 nobody else has it.
_KEYS: Final[Mapping[str, str]] = {
    "endpoint": """
        name=1 auth_mode=3 traffic=3 mirror_traffic=5 public_network_access=2 identity=2 compute=2 scoring_uri=3
        openapi_uri=3""",
    "deployment": """
        name=1 endpoint_name=4 model=2 environment=2 code_configuration=4 instance_type=3 instance_count=3
        request_settings=5 liveness_probe=5 readiness_probe=5 scale_settings=4 environment_variables=1
        app_insights_enabled=5 data_collector=5 model_mount_path=5 egress_public_network_access=5
        private_network_connection=5""",
    "batch deployment": """
        name=1 endpoint_name=4 model=2 environment=2 code_configuration=4 environment_variables=1 compute=1
        resources=1 settings=3 max_concurrency_per_instance=5 mini_batch_size=5 output_action=5 output_file_name=5
        retry_settings=5 error_threshold=5 logging_level=3 job_definition=5 component=3""",
    "batch endpoint": "name=1 defaults=4 auth_mode=1",
    "model": "name=1 path=2 flavors=2 stage=2 version=1 default_deployment_template=5",
    "environment": "name=1 image=2 build=2 conda_file=4 inference_config=5 os_type=3 version=1",
    "connection": """
        name=1 api_key=3 credentials=3 target=2 secrets=3 configs=3 azure_endpoint=4 api_base=3 base_url=2 endpoint=2
        api_version=1 api_type=2 is_shared=4 metadata=1 open_ai_resource_id=5 ai_services_resource_id=5
        one_lake_workspace_name=5 url=1 account_name=2 container_name=2 custom_type=4""",
    "access": "grants=4",
    "stack": """
        mirrorTraffic=4 resourceGroup=3 production=3 specs=3 subscription=1 workspace=1 location=1 registry=1
        runtime=1 target=1 port=1 traffic=1""",
    "flow": """
        nodes=4 node_variants=5 inputs=1 outputs=1 additional_includes=3 environment=1 message_format=4 display_name=1
        environment_variables=1""",
    "flex-flow": "entry=7 sample=3 init=2 environment=1 additional_includes=2 inputs=1 outputs=1",
    "run": """
        flow=4 data=2 run=2 column_mapping=5 variant=3 connections=2 runtime=1 resources=1 identity=1 init=1
        environment_variables=1 display_name=1""",
    "workspace": """
        name=1 storage_account=4 key_vault=4 application_insights=4 container_registry=4 hbi_workspace=5
        image_build_compute=5 managed_network=5 customer_managed_key=5 primary_user_assigned_identity=5
        public_network_access=2 display_name=1 location=1 identity=1 workspace_hub=4 network_acls=3
        system_datastores_auth_mode=5 allow_roleassignment_on_rg=5 provision_network_now=5 serverless_compute=4""",
    "config": "encryptionsalt=5 secretsprovider=5 encryptedkey=5 config=2",
    "rollout": """
        endpoint_name=4 steps=3 analysis=5 on_failure=5 failover=5 fast_track=5 deadline=3 drain=5 record=2 notify=3""",
    "job": """
        command=4 code=1 compute=1 environment=1 inputs=1 outputs=1 experiment_name=4 distribution=4 jobs=3 trial=4
        search_space=4 objective=3 sampling_algorithm=3 sweep=3 resources=1 primary_metric=3 training_data=3
        display_name=1 settings=1 services=1""",
    "component": "command=3 code=1 inputs=1 outputs=1 is_deterministic=4 display_name=1 jobs=2",
    "data asset": "path=1 name=1 version=1",
    "datastore": "account_name=1 container_name=1 file_share_name=5 filesystem=5 protocol=3 store_name=5",
    "compute": "size=3 min_instances=3 max_instances=3 idle_time_before_scale_down=5 tier=2 ssh_settings=4",
    "Docker Compose file": "services=4 volumes=1 networks=1",
    "GitHub workflow": "on=3 jobs=3 permissions=1 concurrency=1",
    "GitHub action": "runs=5 branding=4 inputs=1 outputs=1",
    "Azure pipeline": "trigger=3 pool=3 stages=4 steps=4 jobs=2 variables=2 parameters=1",
    "Kubernetes manifest": "apiVersion=5 kind=5 spec=2",
    "conda file": "channels=4 dependencies=4 prefix=2",
    "MLflow model file": "artifact_path=5 mlflow_version=5 model_uuid=5 model_size_bytes=4 signature=2 flavors=1",
    "Pulumi project": "name=1 runtime=2 plugins=4 main=3 stackConfigDir=4 options=1",
    "pre-commit configuration": "repos=4",
}

# The key to name in messages, for each kind of ours.
EXAMPLE_KEYS: Final[Mapping[str, str]] = {
    "endpoint": "auth_mode",
    "deployment": "endpoint_name",
    "model": "path",
    "environment": "conda_file",
    "connection": "api_key",
    "access": "grants",
    "stack": "mirrorTraffic",
    "flow": "nodes",
    "flex-flow": "entry",
    "run": "column_mapping",
    "workspace": "storage_account",
    "config": "encryptionsalt",
    "rollout": "fast_track",
}

# Values of `type`, lower case without underscores.
_TYPES: Final[Mapping[str, str]] = {
    "model": "custommodel=5 mlflowmodel=5 tritonmodel=5",
    "deployment": "managed=2 kubernetes=2",
    "connection": """
        azureopenai=5 openai=5 serverless=5 serp=5 apikey=5 custom=3 azureaiservices=5 azureaisearch=5
        azurecontentsafety=5 azurespeechservices=5 azureblob=3 azuredatalakegen2=3 azureonelake=4 git=4
        containerregistry=4 pythonfeed=5 s3=5 snowflake=5 azuresqldb=5 azuresynapseanalytics=5 azuremysqldb=5
        azurepostgresdb=5 cognitivesearch=5 formrecognizer=5 qdrant=5 weaviate=5""",
    "flow": "standard=1 chat=1 evaluation=1",
    "flow metadata": "evaluate=4",
    "batch endpoint": "batch=8",
    "batch deployment": "batch=3 pipeline=3",
    "data asset": "urifile=6 urifolder=6 mltable=6",
    "datastore": "azureblob=2 azurefile=6 azuredatalakegen1=6 azuredatalakegen2=2 onelake=4",
    "compute": "amlcompute=6 computeinstance=6 virtualmachine=6 synapsespark=6 kubernetes=1",
    "job": "command=4 pipeline=3 sweep=5 automl=5 spark=4 parallel=3",
    "component": "command=3 pipeline=2 commandcomponent=6 pipelinecomponent=6 sparkcomponent=6",
}

_FILES: Final[Mapping[str, Votes]] = {
    r".*/flow(\.\w+)?\.dag\.ya?ml": {"flow": 6},
    r".*/flow(\.\w+)?\.flex\.ya?ml": {"flex-flow": 6},
    r".*/.*\.meta\.ya?ml": {"flow metadata": 6},
    r".*/pulumi\.ya?ml": {"Pulumi project": 6},
    r".*/pulumi\..+\.ya?ml": {"config": 6},
    r".*/stack\.ya?ml": {"stack": 4},
    r".*/access\.ya?ml": {"access": 2},
    r".*/rollout\.ya?ml": {"rollout": 6},
    r".*/mlmodel": {"MLflow model file": 6},
    r".*/mltable": {"data asset": 6},
    r".*/(docker-)?compose(\..+)?\.ya?ml": {"Docker Compose file": 6},
    r"workflows/.*": {"GitHub workflow": 3},
    r".*/action\.ya?ml": {"GitHub action": 3},
    r".*/azure-pipelines?.*\.ya?ml": {"Azure pipeline": 6},
    r".*/conda.*\.ya?ml": {"conda file": 2},
    r".*/\.pre-commit-.*\.ya?ml": {"pre-commit configuration": 6},
    r".*/\.gitlab-ci\.ya?ml": {"GitLab pipeline": 6},
    r".*/mkdocs\.ya?ml": {"MkDocs configuration": 6},
    r".*/.*\.prompty": {"prompty": 6},
}

# Parts of a file's name, or its folder in the plural: they settle what few or misspelled keys leave open.
STEMS: Final[tuple[tuple[str, Votes], ...]] = (
    ("batch", {"batch endpoint": 3, "batch deployment": 3}),
    ("deployment", {"deployment": 2, "batch deployment": 1}),
    ("endpoint", {"endpoint": 2, "batch endpoint": 1}),
    ("connection", {"connection": 2}),
    ("environment", {"environment": 2}),
    ("model", {"model": 2}),
    ("workspace", {"workspace": 2}),
    ("rollout", {"rollout": 2}),
    ("run", {"run": 1}),
)


def _by_key(weights: Mapping[str, str]) -> Mapping[str, Votes]:
    """Return the table turned round: from a key to the votes it gives."""
    turned: dict[str, dict[str, int]] = {}
    for sort, listed in weights.items():
        for sign in listed.split():
            key, _, votes = sign.partition("=")
            turned.setdefault(key, {})[sort] = int(votes)
    return turned


KEYS: Final = _by_key(_KEYS)
TYPES: Final = _by_key(_TYPES)
FILE_NAMES: Final = tuple((re.compile(pattern), votes) for pattern, votes in _FILES.items())
