"""The API that both programs ask: the routes of the mock API that dlt's own tests of `rest_api` use, and a few that show one
thing each, over a real socket on loopback.

There are 25 posts from 0 up in pages of 5; a post has 50 comments in pages of 5. From the second generation on there are 30
posts, and post 3 has another title. Every request is kept, as `Request`.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Row = dict[str, Any]
PAGE_SIZE = 5
# What of a request's head counts, beside all that begins with `x-`; the rest is up to each program's HTTP client.
HEADERS = ("authorization", "cookie", "content-type")


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    text: str

    def __str__(self) -> str:
        """The request on one line, with all that two requests must share to be the same."""
        parts = [self.method, self.path + (f"?{urlencode(sorted(self.query))}" if self.query else "")]
        parts += [f"{name}={value}" for name, value in sorted(self.headers.items())]
        if self.text:
            kind = self.headers.get("content-type")
            body = json.dumps(json.loads(self.text), sort_keys=True) if kind == "application/json" else self.text
            parts.append(urlencode(sorted(parse_qsl(body))) if kind == "application/x-www-form-urlencoded" else body)
        return " ".join(parts)

    def param(self, name: str, default: Any = None) -> Any:
        """The last value of a query parameter."""
        return dict(self.query).get(name, default)

    def number(self, name: str, default: int) -> int:
        """The same as a number."""
        return int(self.param(name, default))

    @property
    def json(self) -> Any:
        """The body as JSON; an object if there is none."""
        return json.loads(self.text or "{}")

    @property
    def form(self) -> dict[str, str]:
        """The body as the fields of a form."""
        return dict(parse_qsl(self.text))


@dataclass(frozen=True)
class Answer:
    """What is answered; a text as it is, anything else as JSON."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Api:
    """A server, from `with` to its end."""

    def __init__(self, generation: int = 1) -> None:
        self.generation = generation
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "Api":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, request: Request) -> Answer:
        """What the first route that fits says."""
        with self._lock:
            self.requests.append(request)
        for method, pattern, route in ROUTES:
            if method == request.method and (found := pattern.fullmatch(request.path)):
                answer = route(self, request, *found.groups())
                return answer if isinstance(answer, Answer) else Answer(answer)
        return Answer({"error": "no such route"}, 404)

    def posts(self) -> list[Row]:
        """All posts of the generation."""
        rows = [{"id": number, "title": f"Post {number}"} for number in range(25 if self.generation == 1 else 30)]
        if self.generation > 1:
            rows[3]["title"] = "Post 3, changed"
        return rows

    def pages(self, request: Request, rows: list[Row], *, page: int, key: str = "data", base: int = 1) -> Row:
        """A page by its number, with an absolute link to the one after it."""
        body = _numbered(rows, page, key, base)
        if "next_page" in body:
            query = dict(request.query) | {"page": str(body["next_page"])}
            body["next_page"] = f"{self.url}{request.path}?{urlencode(query)}"
        return body


def _numbered(rows: list[Row], page: int, key: str = "data", base: int = 1, size: int = PAGE_SIZE) -> Row:
    """A page by its number, with the number of the one after it."""
    begin, total = (page - base) * size, -(-len(rows) // size)
    body = {key: rows[begin : begin + size], "page": page, "total_pages": total}
    return body | ({"next_page": page + 1} if page - base + 1 < total else {})


def _offset(rows: list[Row], offset: int, limit: int) -> Row:
    return {"data": rows[offset : offset + limit], "total_records": len(rows), "offset": offset, "limit": limit}


def comments(post: int) -> list[Row]:
    """All comments of a post."""
    return [{"id": number, "post_id": post, "body": f"Comment {number} for post {post}"} for number in range(50)]


Route = Callable[..., Any]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, path: str) -> Callable[[Route], Route]:
    """Serves a path, `{}` in which is a number."""

    def add(function: Route) -> Route:
        ROUTES.append((method, re.compile(path.replace("{}", r"(\d+)")), function))
        return function

    return add


# Lists behind an absolute link.


@route("GET", "/posts")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, api.posts(), page=request.number("page", 1))


@route("GET", "/posts_zero_based")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, api.posts(), page=request.number("page", 0), base=0)


@route("GET", "/posts_no_key")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, api.posts(), page=request.number("page", 1), key="null")


@route("GET", "/posts_under_a_different_key")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, api.posts(), page=request.number("page", 1), key="many-results")


@route("GET", "/posts_with_reactions")
def _(api: Api, request: Request) -> Any:
    rows = [
        post
        | {
            "reactions": [{"id": number, "kind": {"name": "like"}} for number in range(post["id"] % 3)],
            "author": {"name": f"author {post['id'] % 4}", "address": {"city": "x"}},
            "tags": ["a", "b"],
        }
        for post in api.posts()
    ]
    return api.pages(request, rows, page=request.number("page", 1))


@route("GET", "/posts/{}/comments")
def _(api: Api, request: Request, post: str) -> Any:
    return api.pages(request, comments(int(post)), page=request.number("page", 1))


@route("GET", "/post_comments")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, comments(request.number("post_id", 0)), page=request.number("page", 1))


@route("GET", "/post_comments_via_headers")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, comments(int(request.headers["x-post-id"])), page=request.number("page", 1))


@route("POST", "/post_comments")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, comments(int(request.json["post_id"])), page=int(request.json.get("page", 1)))


@route("POST", "/post_comments_via_form_data")
def _(api: Api, request: Request) -> Any:
    return api.pages(request, comments(int(request.form["post_id"])), page=request.number("page", 1))


# Other ways to go on.


@route("GET", "/posts_relative_next_url")
def _(api: Api, request: Request) -> Any:
    body = _numbered(api.posts(), request.number("page", 1))
    return body | ({"next_page": f"/posts_relative_next_url?page={body['next_page']}"} if "next_page" in body else {})


@route("GET", "/posts_header_link")
def _(api: Api, request: Request) -> Any:
    body = _numbered(api.posts(), request.number("page", 1))
    link = f'<{api.url}/posts_header_link?page={body.get("next_page")}>; rel="next"'
    return Answer(body["data"], headers={"Link": link} if "next_page" in body else {})


@route("GET", "/posts_header_cursor")
def _(api: Api, request: Request) -> Any:
    body = _numbered(api.posts(), request.number("page", 1))
    return Answer(body["data"], headers={"cursor": str(body["next_page"])} if "next_page" in body else {})


@route("GET", "/posts_offset_limit")
def _(api: Api, request: Request) -> Any:
    return _offset(api.posts(), request.number("offset", 0), request.number("limit", 10))


@route("POST", "/posts_offset_limit_via_json_body")
def _(api: Api, request: Request) -> Any:
    return _offset(api.posts(), int(request.json.get("offset", 0)), int(request.json.get("limit", 10)))


@route("GET", "/posts_cursor")
def _(api: Api, request: Request) -> Any:
    begin, rows = request.number("cursor", 0), api.posts()
    end = begin + PAGE_SIZE
    return {"data": rows[begin:end], "next_cursor": end if end < len(rows) else None}


@route("POST", "/posts_cursor_via_json_body")
def _(api: Api, request: Request) -> Any:
    begin, rows = int(request.json.get("page", {}).get("cursor", 0)), api.posts()
    end = begin + PAGE_SIZE
    return {"data": rows[begin:end], "next_cursor": end if end < len(rows) else None}


@route("GET", "/posts_cursor_null_terminated")
def _(api: Api, request: Request) -> Any:
    begin, rows = request.number("token", 0), api.posts()
    if begin >= len(rows):
        return {"users": None, "next_token": None}
    return {"users": rows[begin : begin + PAGE_SIZE], "next_token": begin + PAGE_SIZE}


@route("GET", "/posts_has_more")
def _(api: Api, request: Request) -> Any:
    begin, rows = request.number("offset", 0), api.posts()
    end = begin + request.number("limit", 10)
    return {"data": rows[begin:end], "has_more": end < len(rows), "last": rows[min(end, len(rows)) - 1]["id"]}


@route("GET", "/posts_without_total")
def _(api: Api, request: Request) -> Any:
    begin = (request.number("page", 1) - 1) * PAGE_SIZE
    return {"data": api.posts()[begin : begin + PAGE_SIZE]}


@route("GET", "/posts_nested_next")
def _(api: Api, request: Request) -> Any:
    body = _numbered(api.posts(), request.number("page", 1))
    following = {"next": {"href": f"/posts_nested_next?page={body['next_page']}"}} if "next_page" in body else {}
    return {"links": following, "results": body["data"]}


@route("GET", "/posts_total_pages_zero_based")
def _(api: Api, request: Request) -> Any:
    body = _numbered(api.posts(), request.number("page", 0), base=0)
    return {"meta": {"total_pages": body["total_pages"]}, "items": body["data"]}


@route("GET", "/posts_total_pages")
def _(api: Api, request: Request) -> Any:
    body = _numbered(api.posts(), request.number("page", 1))
    return {"total_pages": body["total_pages"], "items": body["data"]}


@route("GET", "/posts_all")
def _(api: Api, request: Request) -> Any:
    return api.posts()


@route("GET", "/posts_deep")
def _(api: Api, request: Request) -> Any:
    return {"response": {"meta": {"count": 25}, "posts": api.posts()}, "groups": [{"rows": api.posts()[:3]}]}


@route("GET", "/echo")
def _(api: Api, request: Request) -> Any:
    return {"data": [{"asked": request.path}]}


# Searches.


@route("POST", "/posts/search")
def _(api: Api, request: Request) -> Any:
    asked = request.json
    rows = [row for row in api.posts() if row["id"] > asked.get("ids_greater_than", -1)]
    return {"next_page": None} | _numbered(rows, int(asked.get("page", 1)), size=int(asked.get("page_size", PAGE_SIZE)))


@route("POST", "/posts/search_by_id/{}")
def _(api: Api, request: Request, post: str) -> Any:
    return api.posts()[int(post)] | {"asked": json.dumps(request.json, sort_keys=True)}


@route("GET", "/posts_after")
def _(api: Api, request: Request) -> Any:
    after = request.number("after", -1)
    return api.pages(request, [row for row in api.posts() if row["id"] >= after], page=request.number("page", 1))


@route("GET", "/posts_after/{}")
def _(api: Api, request: Request, after: str) -> Any:
    return {"data": [row for row in api.posts() if row["id"] >= int(after)]}


@route("GET", "/posts_after_via_headers")
def _(api: Api, request: Request) -> Any:
    return {"data": [row for row in api.posts() if row["id"] >= int(request.headers["x-after"])]}


@route("GET", "/events")
def _(api: Api, request: Request) -> Any:
    return {"data": [row | {"at": f"2024-01-{row['id'] + 1:02}T00:00:00Z"} for row in api.posts()]}


# What hard deletes are made of: from the second generation on, posts 0 to 2 are gone, and 3 is changed.


@route("GET", "/posts_deleted")
def _(api: Api, request: Request) -> Any:
    rows = api.posts()
    if api.generation == 1:
        return {"data": [row | {"gone": False} for row in rows]}
    return {"data": [row | {"gone": row["id"] < 3} for row in rows[:5]]}


# Single things.


@route("GET", "/posts/{}")
def _(api: Api, request: Request, post: str) -> Any:
    return api.posts()[int(post)] | {"body": f"Post body {post}"}


@route("GET", "/post_detail")
def _(api: Api, request: Request) -> Any:
    return api.posts()[request.number("post_id", 0)] | {"body": "b"}


@route("GET", "/post_detail_via_headers")
def _(api: Api, request: Request) -> Any:
    return api.posts()[int(request.headers["x-post-id"])] | {"body": "b"}


@route("POST", "/post_detail")
def _(api: Api, request: Request) -> Any:
    return api.posts()[int(request.json["post_id"])] | {"body": "b"}


# What goes wrong.


@route("GET", "/posts/{}/some_details_404")
def _(api: Api, request: Request, post: str) -> Any:
    return Answer({"error": "Post not found"}, 404) if int(post) > 0 else {"id": 0, "more": "details"}


@route("GET", "/posts/{}/some_details_404_others_422")
def _(api: Api, request: Request, post: str) -> Any:
    if int(post) == 0:
        return {"id": 0, "more": "details"}
    return Answer({"error": "Post not found"}, 404 if int(post) == 1 else 422)


@route("GET", "/posts/{}/some_details_204")
def _(api: Api, request: Request, post: str) -> Any:
    return Answer("", 204) if int(post) > 0 else {"id": 0, "more": "details"}


# What is protected.


def _protected(path: str, is_let_in: Callable[[Request], bool], refusal: Any) -> None:
    @route("GET", f"/protected/posts/{path}")
    def _(api: Api, request: Request) -> Any:
        if not is_let_in(request):
            return Answer(refusal, 401)
        return api.pages(request, api.posts(), page=request.number("page", 1))


def _header(name: str, value: str) -> Callable[[Request], bool]:
    return lambda request: request.headers.get(name) == value


_protected("basic-auth", _header("authorization", "Basic dXNlcjpwYXNzd29yZA=="), {"error": "Unauthorized"})
_protected("bearer-token", _header("authorization", "Bearer test-token"), {"error": "Unauthorized"})
_protected("bearer-token-plain-text-error", _header("authorization", "Bearer test-token"), "Unauthorized")
_protected("api-key", _header("x-api-key", "test-api-key"), {"error": "Unauthorized"})
_protected("api-key-in-query", lambda request: request.param("key") == "test api-key", {"error": "Unauthorized"})


@route("POST", "/oauth/token")
def _(api: Api, request: Request) -> Any:
    if request.form.get("client_secret") != "test-client-secret":
        return Answer({"error": "invalid_client"}, 401)
    return {"access_token": "test-token", "expires_in": 3600}


@route("POST", "/oauth/token-expires-now")
def _(api: Api, request: Request) -> Any:
    return {"access_token": "test-token", "expires_in": 0}


# Bodies that are no JSON.


@route("POST", "/post_form_data")
def _(api: Api, request: Request) -> Any:
    return {"data": [{"name": name, "value": value} for name, value in sorted(request.form.items())]}


@route("POST", "/post_raw_data")
def _(api: Api, request: Request) -> Any:
    return {"data": [{"text": request.text}]}


@route("POST", "/posts_form_data_incremental")
def _(api: Api, request: Request) -> Any:
    return {"data": [row for row in api.posts() if row["id"] >= int(request.form.get("since", 0))]}


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A page is one write; a client that waits for the rest of it would wait for a timer.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:  # noqa: N802 - the name is given
            self._answer()

        do_POST = do_GET  # noqa: N815 - the name is given

        def _answer(self) -> None:
            url = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept = {name: value for name, value in headers.items() if name in HEADERS or name.startswith("x-")}
            if "content-type" in kept:
                kept["content-type"] = kept["content-type"].split(";")[0]
            query = tuple(parse_qsl(url.query, keep_blank_values=True))
            answer = api.answer(Request(self.command, url.path, query, kept, text))
            body = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing: what was asked is in `Api.requests`."""

    return Handler
