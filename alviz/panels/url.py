"""PageUrl: the settings that the page's address carries."""

import anywidget
import traitlets

from alviz.panels.theme import script
from alviz.panels.turns import InTurn


class PageUrl(InTurn, anywidget.AnyWidget):
    """An invisible widget between Python and the address of the page it is on. It need not be displayed.

    From the page: query: dict of str, the address's "?name=value" pairs ("token" and "present" left out), set once when a page opens, just before opened
    becomes True. From Python: share: dict of str, what the address says from now on, so that a copied link leads back here.
    In JupyterLab, whose address is not ours, query stays empty and share does nothing.
    """

    _esm = script("url.js")

    query = traitlets.Dict(value_trait=traitlets.Unicode(), key_trait=traitlets.Unicode()).tag(sync=True, echo_update=False)
    opened = traitlets.Bool(False).tag(sync=True, echo_update=False)
    share = traitlets.Dict(value_trait=traitlets.Unicode(), key_trait=traitlets.Unicode(), allow_none=True, default_value=None).tag(
        sync=True
    )
