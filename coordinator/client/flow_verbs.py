"""The table of verbs, see `verbs`."""

from pathlib import Path

from coordinator.client.verbs import Option, Verb, commas, json_of

_JOB = Option(("-j", "--job-id"), "job_id", "Job id.")
_THE_JOB = Option(("-j", "--job-id"), "job_id", "Job id.", required=True)
_ROLE = Option(("-r", "--role"), "role", "guest, host, arbiter or local.")
_PARTY = Option(("-p", "--party-id"), "party_id", "Party id.")
_COMPONENT = Option(
    ("-cpn", "--component-name"), "component_name", "Component, as the DSL names it."
)
_THE_COMPONENT = Option(
    ("-cpn", "--component-name"),
    "component_name",
    "Component, as the DSL names it.",
    required=True,
)
_LIMIT = Option(("-l", "--limit"), "limit", "How many; 0 is all.", int)
_NAMESPACE = Option(("-n", "--namespace"), "namespace", "Namespace of the table.")
_TABLE = Option(("-t", "--table-name"), "table_name", "Name of the table.")
_MODEL = Option(("--model-id",), "model_id", "Model id.")
_VERSION = Option(("--model-version",), "model_version", "Model version.")
_THE_MODEL = Option(("--model-id",), "model_id", "Model id.", required=True)
_THE_VERSION = Option(("--model-version",), "model_version", "Model version.", required=True)
_TAG = Option(("-t", "--tag-name"), "tag_name", "Tag.", required=True)
_SEAT = (_JOB, _ROLE, _PARTY, _COMPONENT)
_THE_SEAT = (_THE_JOB, _THE_COMPONENT, _ROLE, _PARTY)
_TABLE_NAME = (_NAMESPACE, _TABLE)
_STORED = (_THE_MODEL, _THE_VERSION, _ROLE, _PARTY, _THE_COMPONENT)
_DROP = Option(("--drop",), "drop", "Replace a table of that name.", bool)

_DATA = (
    Verb(
        "data", "download", "data/download", "Write a table to a file of the server.", conf="must"
    ),
    Verb("data", "writer", "data/writer", "Copy a table to another storage.", conf="must"),
    Verb(
        "data",
        "upload-history",
        "data/upload/history",
        "Show the latest uploads.",
        (_LIMIT, _JOB),
    ),
)

_JOBS = (
    Verb("job", "view", "job/data/view/query", "Name the output tables of a job.", _SEAT),
    Verb("job", "clean", "job/clean", "Delete the output tables of a job.", _SEAT),
    Verb("task", "list", "job/list/task", "Show the newest tasks.", (_LIMIT,)),
    Verb("queue", "clean", "job/clean/queue", "Cancel every job that waits."),
    Verb("queue", "query", "tripact/queue/query", "Show the jobs that wait, and for what."),
    Verb("resource", "query", "resource/query", "Show what is in use, and what is left."),
    Verb(
        "resource",
        "return",
        "resource/return",
        "See that a job has given back what it held.",
        (_THE_JOB,),
    ),
)

_COMPONENTS = (
    Verb(
        "component",
        "parameters",
        "tracking/component/parameters",
        "Show a component's parameters, with every default.",
        _THE_SEAT,
        gives="json",
        filename="parameters.json",
    ),
    Verb(
        "component",
        "output-model",
        "tracking/component/output/model",
        "Show what a component learned at one party.",
        _THE_SEAT,
        gives="json",
        filename="model.json",
    ),
    Verb(
        "component",
        "get-summary",
        "tracking/component/summary/download",
        "Show a component's summary.",
        _THE_SEAT,
        gives="json",
        filename="summary.json",
    ),
    Verb(
        "component",
        "metric-delete",
        "tracking/component/metric/delete",
        "Delete metrics of a job, or of a day.",
        (*_SEAT, Option(("-d", "--date"), "model", "Day, as 20200101.")),
    ),
    Verb(
        "component",
        "output-data-table",
        "tracking/component/output/data/table",
        "Name a component's output tables.",
        _SEAT,
    ),
    Verb(
        "component",
        "hetero-model-merge",
        "component/hetero/merge",
        "Make one model of the parts that the parties have.",
        (
            _THE_MODEL,
            _THE_VERSION,
            Option(("-gid", "--guest-party-id"), "guest_party_id", "Guest.", required=True),
            Option(
                ("-hids", "--host-party-ids"),
                "host_party_ids",
                "Hosts, with commas.",
                required=True,
                read=commas,
            ),
            _THE_COMPONENT,
            Option(("--model-type",), "model_type", "secureboost, lr, ...", required=True),
            Option(
                ("--output-format",),
                "output_format",
                "pmml, lightgbm, sklearn, json.",
                required=True,
            ),
            Option(("--target-name",), "target_name", "Name of the label."),
            Option(("--host-rename",), "host_rename", "Rename the hosts' features.", bool),
            Option(
                ("--include-guest-coef",),
                "include_guest_coef",
                "With the guest's coefficients.",
                bool,
            ),
        ),
        gives="text",
    ),
    Verb(
        "component",
        "woe-array-extract",
        "component/woe_array/extract",
        "Take the weights of evidence out of a guest's binning.",
        _STORED,
        gives="json",
    ),
    Verb(
        "component",
        "woe-array-merge",
        "component/woe_array/merge",
        "Put weights of evidence into a host's binning.",
        (
            *_STORED,
            Option(
                ("-i", "--input"),
                "woe_array",
                "JSON file that woe-array-extract wrote.",
                Path,
                required=True,
                read=json_of,
            ),
        ),
    ),
)

_CONF_OR_JOB = (_JOB,)
_MODELS = (
    Verb(
        "model",
        "get-predict-dsl",
        "model/get/predict/dsl",
        "Show the DSL a version predicts with; with -o, write it to a file.",
        (_THE_MODEL, _THE_VERSION),
        gives="json",
    ),
    Verb(
        "model",
        "get-predict-conf",
        "model/get/predict/conf",
        "Show a predict conf to fill in; with -o, write it to a file.",
        (_THE_MODEL, _THE_VERSION),
        gives="json",
    ),
    Verb("model", "load", "model/load", "Load a model for online use.", _CONF_OR_JOB, conf="may"),
    Verb("model", "bind", "model/bind", "Name a loaded model.", _CONF_OR_JOB, conf="must"),
    Verb(
        "model",
        "import",
        "model/import",
        "Bring in a model that was exported.",
        conf="must",
        sends="file",
        turned=("--from-database", "model/restore"),
    ),
    Verb(
        "model",
        "export",
        "model/export",
        "Fetch a party's model as an archive.",
        conf="must",
        gives="file",
        turned=("--to-database", "model/store"),
    ),
    Verb("model", "migrate", "model/migrate", "Give a model to other parties.", conf="must"),
    Verb(
        "model",
        "tag-model",
        "model/model_tag/create",
        "Put a tag on a model.",
        (_THE_JOB, _TAG),
        turned=("--remove", "model/model_tag/remove"),
    ),
    Verb("model", "tag-list", "model/model_tag/retrieve", "Show a model's tags.", (_THE_JOB,)),
    Verb(
        "model",
        "get-model-info",
        "model/query",
        "Show versions of models.",
        (_MODEL, _VERSION, _ROLE, _PARTY, Option(("--detail",), "detail", "All of it.", bool)),
    ),
    Verb("model", "homo-convert", "model/homo/convert", "Make a plain model of one.", conf="must"),
    Verb("model", "homo-deploy", "model/homo/deploy", "Serve a converted model.", conf="must"),
    Verb("checkpoint", "list", "checkpoint/list", "Show a model's checkpoints.", _STORED),
    Verb(
        "checkpoint",
        "get",
        "checkpoint/get",
        "Show one checkpoint.",
        (
            *_STORED,
            Option(("--step-index",), "step_index", "Its number.", int),
            Option(("--step-name",), "step_name", "Its name."),
        ),
    ),
)

_TABLES = (
    Verb(
        "table",
        "delete",
        "table/delete",
        "Delete a table at its owner, or the output tables of a component.",
        (*_TABLE_NAME, *_SEAT),
    ),
    Verb("table", "add", "table/add", "Name data that is at a party.", (_DROP,), conf="must"),
    Verb("table", "bind", "table/bind", "Name data that is at a party.", (_DROP,), conf="must"),
    Verb("table", "disable", "table/disable", "Let no job use a table.", _TABLE_NAME),
    Verb("table", "enable", "table/enable", "Let jobs use a table again.", _TABLE_NAME),
    Verb("table", "disable-delete", "table/disable/delete", "Delete disabled tables."),
    Verb("table", "connector-create", "table/connector/create", "Keep a connection.", conf="must"),
    Verb(
        "table",
        "connector-query",
        "table/connector/query",
        "Show a connection.",
        (Option(("--connector-name",), "connector_name", "Its name.", required=True),),
    ),
    Verb(
        "table",
        "tracking-source",
        "table/tracking/source",
        "Show what a table was made from.",
        _TABLE_NAME,
    ),
    Verb("table", "tracking-job", "table/tracking/job", "Show who used a table.", _TABLE_NAME),
)

_TAGS = (
    Verb(
        "tag",
        "create",
        "model/tag/create",
        "Make a tag.",
        (_TAG, Option(("-d", "--tag-desc"), "tag_desc", "What it means.")),
    ),
    Verb(
        "tag",
        "query",
        "model/tag/retrieve",
        "Show a tag.",
        (_TAG, Option(("--with-model",), "with_model", "And its models.", bool)),
    ),
    Verb(
        "tag",
        "update",
        "model/tag/update",
        "Rename a tag, or say anew what it means.",
        (
            _TAG,
            Option(("--new-tag-name",), "new_tag_name", "New name."),
            Option(("--new-tag-desc",), "new_tag_desc", "New meaning."),
        ),
    ),
    Verb("tag", "delete", "model/tag/destroy", "Delete a tag.", (_TAG,)),
    Verb("tag", "list", "model/tag/list", "Show tags.", (_LIMIT,)),
)

_WORLD = (
    Verb("privilege", "grant", "permission/grant", "Let a party do more.", conf="must"),
    Verb("privilege", "delete", "permission/delete", "Let a party do less.", conf="must"),
    Verb(
        "privilege",
        "query",
        "permission/query",
        "Show what a party may do.",
        (Option(("-p", "--party-id"), "party_id", "Party id.", required=True),),
    ),
    Verb("provider", "list-components", "component/get", "Show the components there are."),
    Verb("provider", "register", "provider/register", "Bring in components.", conf="must"),
    Verb("server", "versions", "server/version/get", "Show what the server is made of."),
    Verb("server", "reload", "server/reload", "Read the settings again."),
    Verb("service", "registry", "server/service/get", "Show the services there are."),
    Verb("key", "save", "key/public/save", "Keep a party's public key.", conf="must"),
    Verb(
        "key",
        "query",
        "key/query",
        "Show a party's public key.",
        (Option(("-p", "--party-id"), "party_id", "Party id.", required=True),),
    ),
    Verb(
        "key",
        "delete",
        "key/public/delete",
        "Forget a party's public key.",
        (Option(("-p", "--party-id"), "party_id", "Party id.", required=True),),
    ),
    Verb(
        "template",
        "download",
        "template/download",
        "Fetch example documents.",
        (Option(("--min-data",), "min_data", "0 or 1.", int),),
        gives="folder",
    ),
)

VERBS = (*_DATA, *_JOBS, *_COMPONENTS, *_MODELS, *_TABLES, *_TAGS, *_WORLD)
