"""The plugin: what TensorBoard is told of the tab, and the answers to the tab's requests."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug.wrappers import Request, Response

from modelviz_callbacks.errors import one_line
from modelviz_callbacks.tensorboard_plugin.catalogue import Catalogue
from modelviz_callbacks.tensorboard_plugin.listing import listing
from modelviz_callbacks.tensorboard_plugin.log_roots import log_roots
from modelviz_callbacks.tensorboard_plugin.record_files import Served, serve

# How long a request waits for a search that has just begun: most are over by then.
_WAIT_S = 0.5
_ASSETS = {
    "tab.js": "text/javascript",
    "tensorboard.js": "text/javascript",
    "elements.js": "text/javascript",
    "record_list.js": "text/javascript",
    "record_view.js": "text/javascript",
    "tab.css": "text/css",
}


class ArchitecturePlugin(base_plugin.TBPlugin):  # type: ignore[misc] # TensorBoard has no types
    """Shows the records of the logdir in a tab "Architecture"."""

    plugin_name = "modelviz"

    def __init__(self, context: Any) -> None:
        """Reads the flags; nothing is searched before somebody looks.

        Args:
            context: TensorBoard's `TBContext`.
        """
        specified = getattr(context.flags, "logdir_spec", None)
        self._catalogue = Catalogue(log_roots(context.logdir, specified))

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Names the tab and its script."""
        return base_plugin.FrontendMetadata(es_module_path="/tab.js", tab_name="Architecture")

    def is_active(self) -> bool:
        """Whether the tab stands in the row of tabs: unless it is known that there is no record."""
        known = self._catalogue.snapshot(_WAIT_S)
        return bool(known.records) or known.searching

    def get_plugin_apps(self) -> dict[str, Callable[..., Any]]:
        """Gives what answers each route."""
        assets = {f"/{name}": _asset_app(name, kind) for name, kind in _ASSETS.items()}
        answers = {"/records": self._serve_records, "/record/*": self._serve_file}
        return assets | {route: Request.application(a) for route, a in answers.items()}

    def _serve_records(self, request: Request) -> Response:
        known = self._catalogue.snapshot(_WAIT_S)
        content = {
            "records": listing(known.records.values()),
            "notes": known.notes,
            "searching": known.searching,
        }
        return _respond(request, content, "application/json")

    def _serve_file(self, request: Request) -> Response:
        _, _, rest = request.path.partition(f"/plugin/{self.plugin_name}/record/")
        record_id, _, name = rest.partition("/")
        record = self._catalogue.find(record_id, _WAIT_S)
        if record is None:
            return _refusal(request, "no such record")
        try:
            return _answer(request, serve(record, name))
        except (OSError, ValueError) as error:
            return _refusal(request, one_line(error))


def _answer(request: Request, served: Served) -> Response:
    response = _respond(request, served.content, served.content_type)
    response.headers["Content-Security-Policy"] = served.policy
    if served.content_type == "text/html":
        # TensorBoard logs a warning of each policy that it does not know, and it knows no sandbox.
        # It looks at what is called text/html; browsers read the name in any case.
        response.headers["Content-Type"] = "text/HTML; charset=utf-8"
    return response


def _refusal(request: Request, reason: str) -> Response:
    return _respond(request, reason, "text/plain", 404)


def _respond(request: Request, content: Any, content_type: str, code: int = 200) -> Response:
    response: Response = http_util.Respond(request, content, content_type, code)
    return response


def _asset_app(name: str, content_type: str) -> Callable[..., Any]:
    asset = files("modelviz_callbacks.tensorboard_plugin") / "assets" / name

    @Request.application
    def serve_asset(request: Request) -> Response:
        return _respond(request, asset.read_bytes(), content_type)

    return serve_asset
