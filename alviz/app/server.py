"""The server behind ``alviz app``: Voila, with our pages, our template, our kernels and a gate in front."""

import asyncio
import contextlib
import errno
import hashlib
import logging
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets.config import Config
from voila.app import Voila
from voila.paths import collect_static_paths
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

import alviz
from alviz.app import handlers
from alviz.app.assets import AssetHandler, ModuleHandler, load
from alviz.app.gate import Gate, GatedApplication
from alviz.app.kernels import MODULES, OwnKernelSpec, VisitorKernels
from alviz.app.lessons import LESSONS
from alviz.app.pages import PAGES, notebook_dir
from alviz.app.saved_lessons import SavedLessons
from alviz.figures.plotlyjs import PLOTLY_JS
from alviz.figures.slide import SLIDE

TEMPLATES = Path(__file__).parent / "template"
PANEL_FILES = Path(alviz.__file__).parent / "panels" / "static"
KERNEL_ID = r"(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"
PORTS_TRIED = 100
# A kernel whose page is open but has not been used for this many seconds ends.
IDLE_LIMIT = 3600
# Seconds between a visitor's taking a warm kernel and the start of the next: the visitor's own first picture comes first.
REFILL_DELAY = 3.0
# Seconds that what a page's notebook has displayed may take from the kernel to the server; after that the page says that it failed.
OUTPUT_LIMIT = 120
# Milliseconds between pings; a page that has answered none for three of them (a closed laptop) counts as gone.
PING_INTERVAL = 10_000
# What the browser loads beside Voila's core, out of all the extensions that JupyterLab may have installed.
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget"]


def serve(page: str, *, host: str, port: int, token: str, kernels: int, on_ready: Callable[[str], None]) -> None:
    """Serve the app until interrupted (Ctrl-C or SIGTERM), then end all kernels.

    ``page``: name of the page whose warm kernel is started first ("" for the home page). ``port``: the first one tried, 0 for
    any. ``kernels``: warm kernels kept per page. ``on_ready`` is called with the address (token included) once it answers.
    """
    logging.getLogger("tornado").setLevel(logging.ERROR)  # a mistyped address is no news for the terminal
    logging.getLogger("tornado.access").setLevel(
        logging.CRITICAL
    )  # nor is a page that found no room, again and again; what fails is logged where it fails
    sockets, port = listen(host, port)
    shown = socket.gethostname() if host in {"", "0.0.0.0", "::"} else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/{page}" + (f"?{urlencode({'token': token})}" if token else "")
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):  # told a second time
        asyncio.run(make_server(kernels).run(sockets, Gate(token, port), page, lambda: on_ready(address)))


def make_server(kernels: int) -> "AppServer":
    """The server, not yet running, with ``kernels`` warm kernels per page. No configuration file on the machine is read."""
    server = AppServer(config=_configuration(kernels), config_file_paths=[], root_dir=str(notebook_dir()))
    server.initialize(argv=[])
    return server


def listen(host: str, port: int) -> tuple[list[socket.socket], int]:
    """Sockets on ``host`` at the first free port from ``port`` on (0: any free one), and that port."""
    for candidate in [0] if port == 0 else range(port, min(port + PORTS_TRIED, 65536)):
        try:
            sockets = bind_sockets(candidate, host)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise ValueError(f"host: {host!r} is not an address of this machine ({error.strerror})") from error
        else:
            return sockets, sockets[0].getsockname()[1]
    raise ValueError(f"port: none of {port} to {port + PORTS_TRIED - 1} is free; give another with --port")


class AppServer(Voila):
    """Voila's application with the app's own addresses, template, kernels and life cycle."""

    def setup_template_dirs(self) -> None:
        self.template_paths = [str(TEMPLATES)]
        self.static_paths = collect_static_paths(["voila", "nbconvert"], "lab")

    def init_settings(self) -> dict[str, Any]:
        shell = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
        shell.globals.update(asset=asset_address, voila_files=voila_files_address())
        ours = {"headers": handlers.HEADERS, "shell_templates": shell, "refused_handler": handlers.RefusedHandler}
        return {**super().init_settings(), **ours, "ws_ping_interval": PING_INTERVAL}

    def init_handlers(self) -> list[Any]:
        """The addresses that are answered, and no others: no file browser, no notebook sources, no REST beyond the kernel's own."""
        voila_files = [Path(path) for path in self.static_paths if Path(path).is_dir()]
        extension_files = [Path(path) for path in self.labextensions_path if Path(path).is_dir()]
        own_files = {"folders": [TEMPLATES / "static", PANEL_FILES], "named": {PLOTLY_JS.name: PLOTLY_JS}}
        voila = {"template_paths": self.template_paths, "config": self.config, "voila_configuration": self.voila_configuration}
        return [
            (r"/", handlers.HomeHandler),
            (r"/gallery/?", handlers.GalleryHandler),
            (r"/lessons/?", handlers.LessonsHandler),
            (r"/lessons/teacher/?", handlers.TeacherHandler),
            (r"/lessons/([\w-]+)\.ipynb", handlers.LessonFileHandler),
            (
                rf"/lessons/({'|'.join(lesson.name for lesson in LESSONS)})\.html",
                handlers.SavedLessonHandler,
                {"saved": SavedLessons(Path(self.connection_dir))},
            ),
            *((rf"/lessons/{lesson.name}/?", handlers.LessonHandler, {"page": lesson, **voila}) for lesson in LESSONS),
            *((rf"/{page.name}/?", handlers.PageHandler, {"page": page, **voila}) for page in PAGES),
            (r"/alviz/status", handlers.StatusHandler),
            (r"/alviz/static/(.+)", AssetHandler, own_files),
            (rf"{MODULES}(.+)", ModuleHandler, {"folders": [PANEL_FILES], "named": {SLIDE.name: SLIDE}}),
            (rf"{voila_files_address()}/static/(.+)", AssetHandler, {"folders": voila_files}),
            (rf"{voila_files_address()}/labextensions/(.+)", AssetHandler, {"folders": extension_files}),
            (rf"/api/kernels/{KERNEL_ID}", KernelHandler),
            (rf"/api/kernels/{KERNEL_ID}/channels", VoilaKernelWebsocketHandler),
            (r"/voila/api/shutdown/(.*)", VoilaShutdownKernelHandler),
            (r".*", handlers.NotFoundHandler),
        ]

    async def run(self, sockets: list[socket.socket], gate: Gate, first_page: str, on_ready: Callable[[], None]) -> None:
        """Serve on ``sockets`` until cancelled or told to end by a signal; leaves no kernel behind."""
        this = asyncio.current_task()
        assert this is not None
        with contextlib.suppress(NotImplementedError):  # no such signals on Windows
            for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(ending, this.cancel)
        self.connection_dir = tempfile.mkdtemp(prefix="alviz-")
        http = HTTPServer(self.application(gate))
        http.add_sockets(sockets)
        try:
            on_ready()
            await asyncio.gather(self.kernel_manager.reap_forever(), self._warm_up(first_page))
        except asyncio.CancelledError:
            this.uncancel()
        finally:
            http.stop()
            await self.kernel_manager.end_all()
            shutil.rmtree(self.connection_dir, ignore_errors=True)

    def application(self, gate: Gate) -> GatedApplication:
        """Everything the server answers, behind ``gate``."""
        self.app = GatedApplication(**self.init_settings(), gate=gate)
        self.app.add_handlers(".*$", self.init_handlers())
        return self.app

    async def _warm_up(self, first_page: str) -> None:
        """Compress the one large file, then fill the pools one page after the other, for side by side all would be late; then the spare kernel."""
        await asyncio.to_thread(lambda: load(PLOTLY_JS).compressed)
        for page in sorted(PAGES, key=lambda page: page.name != first_page):
            await self.kernel_manager.fill_pool(f"{page.name}.ipynb")
        self.kernel_manager.keep_spare()


def asset_address(name: str) -> str:
    """Address of a file of the app (``plotly.min.js``, or one in the template's or the panels' static folder)."""
    folders = [TEMPLATES / "static", PANEL_FILES, PLOTLY_JS.parent]
    path = next(folder / name for folder in folders if (folder / name).is_file())
    return f"/alviz/static/{name}?v={load(path).digest}"


def voila_files_address() -> str:
    """Address under which Voila's front end is served; another one with every other release of its parts."""
    parts = [f"{name} {version(name)}" for name in ("voila", "ipywidgets", "jupyterlab_widgets", "anywidget")]
    return "/alviz/voila-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _page_config(page_config: dict[str, Any], **_: Any) -> dict[str, Any]:
    files = voila_files_address()
    return {**page_config, "fullStaticUrl": f"{files}/static", "fullLabextensionsUrl": f"{files}/labextensions"}


def _configuration(kernels: int) -> Config:
    settings = {
        "VoilaConfiguration": {
            "template": "alviz",
            "allow_template_override": "NO",
            "allow_theme_override": "NO",
            "multi_kernel_manager_class": VisitorKernels,
            "kernel_spec_manager_class": OwnKernelSpec,
            "preheat_kernel": kernels > 0,
            "default_pool_size": kernels,
            "extension_allowlist": EXTENSIONS,
            "page_config_hook": _page_config,
            "show_tracebacks": True,  # the template folds them away
        },
        # On a busy machine a page's output may be long in coming. By default it is given up after 4 seconds, and a page without it is blank.
        "VoilaExecutor": {"iopub_timeout": OUTPUT_LIMIT, "raise_on_iopub_timeout": True},
        # The pools are filled one after the other by the server, not all at once by Voila.
        "VoilaKernelManager": {"fill_delay": REFILL_DELAY, "preheat_denylist": [".*"]},
        "MappingKernelManager": {"cull_idle_timeout": IDLE_LIMIT, "cull_interval": 60, "cull_connected": True},
        "KernelManager": {"autorestart": False},
        "Application": {"log_level": logging.ERROR},
    }
    return Config({name: Config(values) for name, values in settings.items()})
