"""The app's own addresses: the home page, the pages with a kernel, the status, and the pages that say what went wrong."""

import asyncio
import traceback
from importlib import import_module
from typing import Any

from jinja2 import Environment
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler
from voila.tornado.handler import TornadoVoilaHandler

from alviz.app.kernels import LOOK_AGAIN, VisitorKernels
from alviz.app.lessons import LESSONS, around, teachers_page
from alviz.app.pages import PAGES, Page
from alviz.app.saved_lessons import SavedLessons

# Everything from this server only. Plots compile WebGL code and widgets load their modules from blobs, hence eval and blob.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {"Content-Security-Policy": CONTENT_POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


class ShellHandler(RequestHandler):
    """A page without a kernel, drawn from a template of the app."""

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")

    def show(self, template: str, **values: Any) -> None:
        """Answer with a template, filled with ``values``."""
        self.finish(_render(self, template, **values))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 404:
            self.show("message.html.j2", title="Not found", sentence="There is no page at this address.")
        else:
            self.show("message.html.j2", title="Something went wrong", sentence="The server could not answer this request.")


class HomeHandler(ShellHandler):
    """``/``: what there is to see."""

    def get(self) -> None:
        self.show("home.html.j2", title="alviz")


class GalleryHandler(ShellHandler):
    """``/gallery``: what goes wrong, case by case, each with the address that sets it up."""

    async def get(self) -> None:
        # The cases bring the engine along: a second or more the first time, in which the server must go on answering.
        gallery = await asyncio.to_thread(import_module, "alviz.studies.gallery")
        self.show("gallery.html.j2", title="Failure gallery", cases=gallery.CASES, names={page.name: page.title for page in PAGES})


class LessonsHandler(ShellHandler):
    """``/lessons``: the lessons in their order."""

    def get(self) -> None:
        self.show("lessons.html.j2", title="Lessons", lessons=LESSONS)


class TeacherHandler(ShellHandler):
    """``/lessons/teacher``: what those who teach with the lessons need."""

    async def get(self) -> None:
        self.show("teacher.html.j2", title="Teach with it", text=await asyncio.to_thread(teachers_page))


class SavedLessonHandler(ShellHandler):
    """``/lessons/NAME.html``: a lesson as one file to take away. Making it takes a process as large as a visitor's kernel."""

    def initialize(self, saved: SavedLessons) -> None:
        self.saved = saved

    async def get(self, name: str) -> None:
        kernels: VisitorKernels = self.settings["kernel_manager"]
        path = self.saved.path(name)
        if not path.is_file():
            if not kernels.let_in(self, ""):
                raise HTTPError(503)
            try:
                await self.saved.make(name)
            finally:
                kernels.has_kernel(self)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="{path.name}"')
        self.finish(path.read_bytes())


class NotFoundHandler(ShellHandler):
    """Every address that nothing else answers."""

    def prepare(self) -> None:
        raise HTTPError(404)


class RefusedHandler(ShellHandler):
    """What a visitor without the token sees: one sentence."""

    def initialize(self, sentence: str) -> None:
        self.sentence = sentence

    def prepare(self) -> None:
        self.set_status(403)
        self.show("message.html.j2", title="No entry", sentence=self.sentence, links=False)


class StatusHandler(ShellHandler):
    """``/alviz/status``: numbers of kernels and visitors; with ``?kernel=id`` also whether that kernel lives."""

    def get(self) -> None:
        manager = self.settings["kernel_manager"]
        status: dict[str, Any] = manager.counts()
        kernel = self.get_query_argument("kernel", "")
        if kernel:
            status["alive"] = kernel in manager
        self.finish(status)


class PageHandler(TornadoVoilaHandler):
    """A page with a kernel. Its head and a loading picture go out at once; Voila's rendering of the notebook follows."""

    folder = ""

    def initialize(self, page: Page, **kwargs: Any) -> None:
        super().initialize(**kwargs)
        self.page = page
        self.notebook = f"{self.folder}{page.name}.ipynb"

    def opening(self) -> str:
        """What goes out before there is a kernel."""
        return _render(self, "page.html.j2", title=self.page.title, page=self.page)

    async def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        kernels: VisitorKernels = self.kernel_manager
        if not kernels.let_in(self, self.notebook):
            self.set_status(503)
            self.set_header("Retry-After", str(LOOK_AGAIN))
            self.finish(_render(self, "full.html.j2", title="Full", again=LOOK_AGAIN))
            return
        try:
            await self._show(kernels)
        finally:
            kernels.has_kernel(self)

    async def _show(self, kernels: VisitorKernels) -> None:
        # Reading the XSRF token sets its cookie, without which the page's goodbye to its kernel would be refused.
        _ = self.xsrf_token
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(self.opening())
        try:
            await self.flush()
            async for html in self.get_generator(path=self.notebook):
                kernels.has_kernel(self)
                self.write(html)
                await self.flush()
        except StreamClosedError:
            pass  # the visitor has left; the kernel is ended by the manager
        except asyncio.CancelledError:
            raise
        except Exception:
            self.log.exception("page %s could not be rendered", self.page.name)
            self.write(_render(self, "failure.html.j2", details=traceback.format_exc()))

    # Only kernels that have been started are worth waiting for.
    def should_use_rendered_notebook(self, *_: Any) -> bool:
        return self.kernel_manager.warm(self.notebook) > 0

    # The page's address says all that Voila may know: nothing in the query chooses templates or files.
    def get_argument(self, name: str, default: Any = None, strip: bool = True) -> Any:
        return default


class LessonHandler(PageHandler):
    """A lesson. No kernel waits for it: its text can be read while one starts. Lessons link to each other as files, which is what JupyterLab opens."""

    folder = "lessons/"

    def opening(self) -> str:
        before, after = around(self.page.name)
        return _render(self, "lesson.html.j2", title=self.page.title, page=self.page, before=before, after=after)


class LessonFileHandler(ShellHandler):
    """``/lessons/NAME.ipynb``: where the link of one lesson to the next leads."""

    def get(self, name: str) -> None:
        self.redirect(f"/lessons/{name}?{self.request.query}".rstrip("?"))


def _render(handler: RequestHandler, template: str, **values: Any) -> str:
    environment: Environment = handler.settings["shell_templates"]
    return environment.get_template(template).render(pages=PAGES, path=handler.request.path, **values)
