"""The page's server: who may ask, and what is answered."""

from __future__ import annotations

import hmac
import json
import threading
from typing import TYPE_CHECKING, Any, Callable, Mapping

from ..errors import Errors, SeginfError
from ..extras import with_extra
from .decide import read_answers
from .drawing import Drawing
from .noting import Noting
from .page import head, policy, render
from .state import Review

if TYPE_CHECKING:
    from flask import Flask, Response

LARGEST = 8 << 20  # bytes of a request; a decision takes about 100
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


Actions = Mapping[str, Callable[[], list[str]]]


def make_app(review: Review, *, token: str, port: int, actions: Actions = {}) -> Flask:  # noqa: B006
    """Make the application.

    Only requests below /TOKEN/ are answered, if they name this machine as their host and come from no other site.

    review (Review): what is reviewed. token (str): the secret in the address. port (int): where it will be served.
    actions (mapping): what the page can ask for by name, one at a time; each returns lines to show.
    RAISES (ValueError): S180 if flask is not installed, S306 if there is something else where notes are kept.
    """
    try:
        from flask import Flask, abort, request
        from werkzeug.exceptions import HTTPException
    except ImportError:
        raise SeginfError(Errors.S180.format(package=with_extra("review"))) from None
    app = Flask("spacy_seginf.review", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}
    headers = {**HEADERS, "Content-Security-Policy": policy(served=True)}
    rows = json.dumps({"rows": review.rows}, allow_nan=False, separators=(",", ":"))

    running, noting, drawing = threading.Lock(), Noting(review), Drawing(review)

    def answer(content: Any, status: int = 200) -> Response:
        text = content if isinstance(content, str) else json.dumps(content, allow_nan=False)
        return app.response_class(text, status, mimetype="application/json")

    def refusal(error: Exception) -> Response:
        unsaved = isinstance(error, SeginfError) and error.code == "S171"
        return answer({"error": str(error)}, 507 if unsaved else 400)

    @app.before_request
    def guard() -> None:
        given = request.path.split("/")[1] if request.path.count("/") >= 2 else ""
        if not hmac.compare_digest(given.encode("utf8", "replace"), token.encode("utf8")):
            abort(403, "The address lacks the secret part. Open the address that the command printed.")
        if request.host not in hosts:  # a name that another site has let point to this machine
            abort(403, "This page is for this machine only.")
        if request.headers.get("Origin") not in (None, *origins):
            abort(403, "Another site can't use this page.")

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(headers)
        return response

    @app.errorhandler(HTTPException)
    def refused(error: Any) -> Response:
        return answer({"error": error.description}, error.code)

    @app.get(f"/{token}/")
    def page() -> str:
        first = review.first()
        detail = None if first is None else review.detail(first, ask=False)
        more = {"whole": review.whole is not None, "detail": detail, "actions": [*actions], "notes": noting.shown()}
        return render({**head(review), **more}, served=True)

    @app.get(f"/{token}/items")
    def items() -> Response:
        return answer(rows)

    @app.get(f"/{token}/items/<int:number>")
    def item(number: int) -> Response:
        if number >= len(review.issues):
            abort(404, f"There is no issue {number}.")
        return answer(review.detail(number))

    @app.post(f"/{token}/notes")
    def note() -> Response:
        if request.mimetype != "application/json":
            abort(415, "Notes are sent as JSON.")
        try:
            return answer({"notes": noting.note(json.loads(request.get_data()))})
        except RecursionError:
            abort(400, "This is no note.")
        except ValueError as error:
            return answer({"error": str(error)}, 400)

    @app.post(f"/{token}/run/<name>")
    def run(name: str) -> Response:
        if name not in actions:
            abort(404, "This page was started without what that takes.")
        if request.mimetype != "application/json":
            abort(415, "It is asked for as JSON.")
        if not running.acquire(blocking=False):
            abort(409, "Something is being done already. Wait for it, and try again.")
        try:
            return answer({"lines": actions[name]()})
        except (ValueError, OSError) as error:
            return answer({"error": str(error)}, 400)
        finally:
            running.release()

    @app.route(f"/{token}/items/<int:number>/document", methods=["GET", "POST"])
    def document(number: int) -> Response:
        if number >= len(review.issues) or review.whole is None:
            abort(404, "There is no document to show.")
        if request.method == "POST" and request.mimetype != "application/json":
            abort(415, "Entities are sent as JSON.")
        try:
            if request.method == "POST":
                shown = drawing.draw(number, json.loads(request.get_data()))
            else:
                shown = drawing.shown(number)
        except RecursionError:
            abort(400, "This is no entity.")
        except (ValueError, OSError) as error:
            return refusal(error)
        if shown is None:
            abort(404, "The index has nothing of this document.")
        return answer(shown)

    @app.get(f"/{token}/order")
    def order() -> Response:
        return answer(review.order.shown)

    @app.get(f"/{token}/decisions")
    def decisions() -> Response:
        return answer(review.changes(request.args.get("since", 0, type=int)))

    @app.post(f"/{token}/decisions")
    def decide() -> Response:
        if request.mimetype != "application/json":
            abort(415, "Decisions are sent as JSON.")
        try:
            said = read_answers(json.loads(request.get_data()))
        except RecursionError:
            abort(400, "The decisions are no list.")
        except ValueError as error:
            return answer({"error": str(error)}, 400)
        try:
            return answer({"changes": review.decide(said)})
        except ValueError as error:
            return refusal(error)

    return app
