"""The sandbox's control address: what tests can do in process, over HTTP, in JSON. No vendor has one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from .simulator import Simulator
from .store import from_json, to_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Control:
    """`POST /<name>` with a JSON object of arguments calls that control of the simulator; `GET /` names them all.

    An answer is `{"result": …}`, or `{"error": …}` with status 400 (wrong arguments, refused) or 404 (no such control).
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        controls = self.simulator.controls()
        name = request.path.strip("/")
        if not name:
            answer = self._answer({"controls": sorted(controls), "result": self.simulator.status()})
        elif name not in controls:
            answer = self._answer({"error": f"no control {name}; there are {', '.join(sorted(controls))}"}, 404)
        else:
            try:
                arguments = from_json(request.get_data() or b"{}")
                answer = self._answer({"result": controls[name](**arguments)})
            except Exception as error:  # whatever a control does not like is the caller's to read
                answer = self._answer({"error": f"{type(error).__name__}: {error}"}, 400)
        return answer(environ, start_response)

    def _answer(self, value: object, status: int = 200) -> Response:
        return Response(to_json(value), status, mimetype="application/json")
