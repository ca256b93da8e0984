"""The configs that both programs load: one for each thing that both can do."""

from typing import Any

from scenario import API, Scenario, resource, scenario

SINGLE: dict[str, Any] = {"paginator": "single_page"}
SEARCH: dict[str, Any] = {"method": "POST", "data_selector": "data"}


def paged(path: str, paginator: Any, **endpoint: Any) -> dict[str, Any]:
    """A resource `posts` with a paginator of its own."""
    return resource("posts", path, endpoint={"paginator": paginator} | endpoint)


def child(name: str, path: str, *, keys: dict[str, Any] | None = None, **endpoint: Any) -> dict[str, Any]:
    """A resource that is asked for once for each of some posts."""
    return resource(name, path, endpoint=endpoint, **(keys or {}))


# Five posts, so that what is asked for each of them is not too much.
FEW = resource("posts", "posts/search", endpoint=SEARCH | SINGLE | {"json": {"page_size": 5, "page": 2}})

PAGINATORS = [
    scenario("json_link", paged("posts", {"type": "json_link", "next_url_path": "next_page"})),
    scenario("json_link_relative", paged("posts_relative_next_url", {"type": "json_link", "next_url_path": "next_page"})),
    scenario("json_link_nested", paged("posts_nested_next", {"type": "json_link", "next_url_path": "links.next.href"})),
    scenario("json_response", paged("posts", {"type": "json_response", "next_url_path": "next_page"})),
    scenario(
        "json_link_keeps_no_params",
        paged("posts_relative_next_url", {"type": "json_link", "next_url_path": "next_page"}, params={"sort": "id"}),
    ),
    scenario("header_link", paged("posts_header_link", "header_link")),
    scenario("header_link_by_name", paged("posts_header_link", {"type": "header_link", "links_next_key": "next"})),
    scenario(
        "header_cursor",
        paged("posts_header_cursor", {"type": "header_cursor", "cursor_key": "cursor", "cursor_param": "page"}),
    ),
    scenario("cursor", paged("posts_cursor", {"type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor"})),
    scenario("cursor_by_default_param", paged("posts_cursor", {"type": "cursor", "cursor_path": "next_cursor"})),
    scenario(
        "cursor_in_the_body",
        paged(
            "posts_cursor_via_json_body",
            {"type": "cursor", "cursor_path": "next_cursor", "cursor_body_path": "page.cursor"},
            method="POST",
            json={"size": 5},
        ),
    ),
    scenario(
        "cursor_until_an_empty_page",
        paged(
            "posts_cursor_null_terminated",
            {"type": "cursor", "cursor_path": "next_token", "cursor_param": "token", "stop_after_empty_page": True},
            data_selector="users",
        ),
    ),
    scenario(
        "cursor_until_null",
        paged(
            "posts_cursor_null_terminated",
            {"type": "cursor", "cursor_path": "next_token", "cursor_param": "token"},
            data_selector="users",
        ),
    ),
    scenario(
        "cursor_of_the_last_row",
        paged(
            "posts_has_more",
            {"type": "cursor", "cursor_path": "data[-1].id", "cursor_param": "offset", "has_more_path": "has_more"},
            params={"limit": 12},
        ),
    ),
    scenario("offset", paged("posts_offset_limit", {"type": "offset", "limit": 5, "total_path": "total_records"})),
    scenario("offset_of_pages_that_do_not_fit", paged("posts_offset_limit", {"type": "offset", "limit": 7, "total_path": "total_records"})),
    scenario("offset_from", paged("posts_offset_limit", {"type": "offset", "limit": 5, "offset": 5, "total_path": "total_records"})),
    scenario("offset_without_total", paged("posts_offset_limit", {"type": "offset", "limit": 10, "total_path": None})),
    scenario(
        "offset_to_a_maximum",
        paged("posts_offset_limit", {"type": "offset", "limit": 5, "maximum_offset": 15, "total_path": None}),
    ),
    scenario(
        "offset_with_has_more",
        paged("posts_has_more", {"type": "offset", "limit": 10, "total_path": None, "has_more_path": "has_more"}),
    ),
    scenario(
        "offset_in_the_body",
        paged(
            "posts_offset_limit_via_json_body",
            {
                "type": "offset",
                "limit": 10,
                "offset_param": None,
                "limit_param": None,
                "offset_body_path": "offset",
                "limit_body_path": "limit",
                "total_path": "total_records",
            },
            method="POST",
        ),
    ),
    scenario("page_number", paged("posts", {"type": "page_number", "base_page": 1, "total_path": "total_pages"})),
    scenario("page_number_from_zero", paged("posts_zero_based", {"type": "page_number", "total_path": "total_pages"})),
    scenario("page_number_from", paged("posts", {"type": "page_number", "base_page": 1, "page": 3, "total_path": "total_pages"})),
    scenario("page_number_to_a_maximum", paged("posts", {"type": "page_number", "base_page": 1, "maximum_page": 3, "total_path": None})),
    scenario("page_number_without_total", paged("posts_without_total", {"type": "page_number", "base_page": 1, "total_path": None})),
    scenario(
        "page_number_in_the_body",
        paged(
            "posts/search",
            {"type": "page_number", "base_page": 1, "page_param": None, "page_body_path": "page", "total_path": "total_pages"},
            method="POST",
            json={"page_size": 10},
        ),
    ),
    scenario("single_page", paged("posts", "single_page")),
    scenario("paginator_of_the_client", "posts", paginator={"type": "json_link", "next_url_path": "next_page"}),
    scenario(
        "paginator_of_the_defaults",
        "posts",
        defaults={"endpoint": {"paginator": {"type": "page_number", "base_page": 1, "total_path": "total_pages"}}},
        paginator="single_page",
    ),
    scenario("auto_on_an_endpoint_is_the_clients", paged("posts", "auto"), paginator="single_page"),
]

DETECTION = [
    scenario("auto_absolute_link", "posts"),
    scenario("auto_relative_link", "posts_relative_next_url"),
    scenario("auto_nested_link", "posts_nested_next"),
    scenario("auto_header_link", "posts_header_link"),
    scenario("auto_cursor", "posts_cursor"),
    scenario("auto_pages_from_zero", "posts_total_pages_zero_based"),
    scenario("auto_pages_from_one", "posts_total_pages"),
    scenario("auto_single_page", "posts_all"),
    scenario("auto_key_null", "posts_no_key"),
    scenario("auto_another_key", "posts_under_a_different_key"),
]

SELECTORS = [
    scenario("selector_of_a_key", paged("posts_deep", "single_page", data_selector="response.posts")),
    scenario("selector_with_the_root", paged("posts_deep", "single_page", data_selector="$.response.posts")),
    scenario("selector_of_all_elements", paged("posts_deep", "single_page", data_selector="response.posts[*]")),
    scenario("selector_of_a_slice", paged("posts_deep", "single_page", data_selector="response.posts[2:4]")),
    scenario("selector_of_one", paged("posts_deep", "single_page", data_selector="response.posts[-1]")),
    scenario("selector_by_filter", paged("posts_deep", "single_page", data_selector="response.posts[?(@.id>20)]")),
    scenario("selector_at_any_depth", paged("posts_deep", "single_page", data_selector="$..meta")),
    scenario("selector_of_an_object", paged("posts_deep", "single_page", data_selector="response.meta")),
    scenario("selector_of_scalars", paged("posts_deep", "single_page", data_selector="response.posts[*].title")),
    scenario("selector_in_lists_of_lists", paged("posts_deep", "single_page", data_selector="groups[*].rows[*]")),
    scenario("selector_quoted", paged("posts_under_a_different_key", "single_page", data_selector="'many-results'")),
    scenario("selector_with_a_dash", paged("posts_under_a_different_key", "single_page", data_selector="many-results")),
    scenario("selector_of_nothing", paged("posts_deep", "single_page", data_selector="response.missing")),
    scenario("selector_of_the_body", paged("posts_deep", "single_page", data_selector="$")),
]

REQUESTS = [
    scenario(
        "params",
        resource(
            "echo",
            endpoint=SINGLE | {"params": {"a": 1, "b": "x y&z", "c": ["p", "q"], "d": None, "e": 1.5, "f": True, "g": "ü"}},
        ),
    ),
    scenario("braces_in_params", resource("echo", endpoint=SINGLE | {"params": {"filter": '{{"a": 1}}'}})),
    scenario("static_params_in_the_path", resource("posts", "{which}/{n}", endpoint={"params": {"which": "posts", "n": 3, "q": 1}})),
    scenario("params_of_the_path", resource("echo", "echo?x=1", endpoint=SINGLE | {"params": {"y": 2}})),
    scenario("an_absolute_path", resource("echo", f"{API}/echo", endpoint=SINGLE)),
    scenario(
        "headers",
        resource("echo", endpoint=SINGLE | {"headers": {"X-One": "endpoint", "X-Three": "3"}}),
        headers={"X-One": "client", "X-Two": "2"},
    ),
    scenario(
        "defaults_of_resources",
        resource("echo", endpoint={"params": {"own": 1, "both": "own"}}, write_disposition="append"),
        resource("other", "echo", endpoint={"params": {"both": None}, "headers": {"X-Own": "1"}}),
        "posts_all",
        defaults={
            "write_disposition": "replace",
            "endpoint": {"params": {"shared": 1, "both": "shared"}, "headers": {"X-Shared": "1"}, "paginator": "single_page"},
        },
    ),
    scenario(
        "defaults_of_bodies",
        resource("search", "posts/search", endpoint={"json": {"page": 2}}),
        defaults={"endpoint": SEARCH | SINGLE | {"json": {"page": 1, "page_size": 3}}},
    ),
    scenario(
        "a_search",
        resource(
            "posts",
            "posts/search",
            endpoint=SEARCH
            | {
                "json": {"ids_greater_than": 9, "page_size": 4, "nested": {"list": [1, "x", None, True]}, "braces": "{{}}"},
                "paginator": {
                    "type": "page_number",
                    "base_page": 1,
                    "page_param": None,
                    "page_body_path": "page",
                    "total_path": "total_pages",
                },
            },
        ),
    ),
    scenario("a_form", resource("form", "post_form_data", endpoint=SINGLE | {"method": "POST", "data": {"b": "x y", "a": 1}})),
    scenario(
        "a_form_of_pairs",
        resource("form", "post_form_data", endpoint=SINGLE | {"method": "POST", "data": [["b", "x"], ["a", "ü&="]]}),
    ),
    scenario("raw_data", resource("raw", "post_raw_data", endpoint=SINGLE | {"method": "POST", "data": "plain text: ü"})),
    scenario("an_empty_json_body", resource("echo", endpoint=SINGLE | {"json": {}})),
    scenario("a_single_entity", resource("one", "posts/{n}", endpoint={"params": {"n": 7}})),
    scenario("two_resources", "posts", "posts_cursor"),
    scenario("not_selected", "posts_all", resource("echo", selected=False)),
]

CHILDREN = [
    scenario("parent_in_path", FEW, child("comments", "posts/{resources.posts.id}/comments")),
    scenario("parent_in_query", FEW, child("details", "post_detail", params={"post_id": "{resources.posts.id}"}, **SINGLE)),
    scenario(
        "parent_in_query_of_pages",
        FEW,
        child(
            "comments",
            "post_comments",
            params={"post_id": "{resources.posts.id}"},
            paginator={"type": "page_number", "base_page": 1, "total_path": "total_pages"},
        ),
    ),
    scenario(
        "parent_in_json",
        FEW,
        child("details", "post_detail", method="POST", json={"post_id": "{resources.posts.id}", "t": "<{resources.posts.title}>"}, **SINGLE),
    ),
    scenario(
        "parent_in_headers",
        FEW,
        child("details", "post_detail_via_headers", headers={"X-Post-Id": "{resources.posts.id}"}, **SINGLE),
    ),
    scenario(
        "parent_in_form",
        FEW,
        child("comments", "post_comments_via_form_data", method="POST", data={"post_id": "{resources.posts.id}"}, **SINGLE),
    ),
    scenario(
        "parent_in_raw_data",
        FEW,
        child("raw", "post_raw_data", method="POST", data="post {resources.posts.id}", **SINGLE),
    ),
    scenario(
        "parent_by_resolve",
        FEW,
        child("comments", "posts/{post}/comments", params={"post": {"type": "resolve", "resource": "posts", "field": "id"}}),
    ),
    scenario("parent_by_format", FEW, child("echo", "echo", params={"id": "{resources.posts.id:05d}"}, **SINGLE)),
    scenario(
        "single_entities",
        FEW,
        child("details", "posts/{resources.posts.id}"),
        paginator={"type": "json_link", "next_url_path": "next_page"},
    ),
    scenario(
        "include_from_parent",
        FEW,
        child("details", "posts/{resources.posts.id}", keys={"include_from_parent": ["id", "title"]}),
    ),
    scenario(
        "three_levels",
        resource("posts", "posts/search", endpoint=SEARCH | SINGLE | {"json": {"page_size": 2}}),
        child("comments", "posts/{resources.posts.id}/comments", **SINGLE),
        child("details", "posts/{resources.comments.id}", keys={"include_from_parent": ["body", "post_id"]}),
    ),
    scenario(
        "two_children",
        FEW,
        child("details", "posts/{resources.posts.id}"),
        child("comments", "posts/{resources.posts.id}/comments", **SINGLE),
    ),
    scenario(
        "a_parent_that_is_not_selected",
        FEW | {"selected": False},
        child("details", "posts/{resources.posts.id}", keys={"include_from_parent": ["title"]}),
    ),
    scenario(
        "parallelized_children",
        FEW,
        child("comments", "posts/{resources.posts.id}/comments", keys={"parallelized": True}),
    ),
    scenario(
        "parent_in_the_query_of_the_path",
        FEW,
        child("comments", "post_comments?post_id={resources.posts.id}"),
    ),
    scenario(
        "nested_field_of_a_parent",
        resource("posts", "posts_with_reactions", endpoint=SINGLE),
        child("echo", "echo", params={"a": "{resources.posts.author.name}", "t": "{resources.posts.tags[1]}"}, **SINGLE),
    ),
]


def after(where: dict[str, Any], path: str = "posts_after", **incremental: Any) -> dict[str, Any]:
    """Posts from a cursor on, which is asked for somewhere in the request."""
    kept = {"incremental": {"cursor_path": "id", "initial_value": 5} | incremental}
    return resource("posts", path, endpoint={"data_selector": "data"} | where | kept)


IN_PARAMS: dict[str, Any] = {"params": {"after": "{incremental.start_value}"}}
EVENTS: dict[str, Any] = {"params": {"since": "{incremental.start_value}"}, "paginator": "single_page", "data_selector": "data"}


def events(**incremental: Any) -> dict[str, Any]:
    """Events from a time on."""
    return resource("events", endpoint=EVENTS | {"incremental": {"cursor_path": "at"} | incremental})


INCREMENTAL = [
    scenario("incremental_in_params", after(IN_PARAMS), runs=2),
    scenario("incremental_by_start_param", after({}, start_param="after"), runs=2),
    scenario(
        "incremental_as_a_param",
        resource(
            "posts",
            "posts_after",
            endpoint={"params": {"after": {"type": "incremental", "cursor_path": "id", "initial_value": 5}}},
        ),
        runs=2,
    ),
    scenario(
        "incremental_in_json",
        after(SEARCH | SINGLE | {"json": {"ids_greater_than": "{incremental.start_value}", "page_size": 100}}, "posts/search"),
        runs=2,
    ),
    scenario(
        "incremental_in_headers",
        after(SINGLE | {"headers": {"X-After": "{incremental.start_value}"}}, "posts_after_via_headers"),
        runs=2,
    ),
    scenario("incremental_in_path", after(SINGLE, "posts_after/{incremental.start_value}"), runs=2),
    scenario(
        "incremental_in_form",
        after(SINGLE | {"method": "POST", "data": {"since": "{incremental.start_value}"}}, "posts_form_data_incremental"),
        runs=2,
    ),
    scenario("incremental_of_times", events(initial_value="2024-01-05T00:00:00Z"), runs=2),
    scenario("incremental_without_initial_value", events(), runs=2),
    scenario("incremental_that_is_not_asked_for", after({}, "posts"), runs=2),
    scenario("incremental_by_min", after({}, "posts", last_value_func="min", initial_value=20), runs=2),
    scenario(
        "incremental_with_an_end",
        after({"params": {"after": "{incremental.start_value}", "to": "{incremental.end_value}"}}, end_value=15),
        runs=2,
    ),
    scenario("incremental_with_a_closed_end", after(IN_PARAMS, end_value=15, range_end="closed")),
    scenario("incremental_with_an_open_start", after(IN_PARAMS, range_start="open"), runs=2),
    scenario("incremental_with_a_lag", after(IN_PARAMS, lag=3) | {"write_disposition": "merge", "primary_key": "id"}, runs=2),
    scenario(
        "incremental_of_times_with_a_lag",
        events(initial_value="2024-01-05T00:00:00Z", lag=86400) | {"write_disposition": "merge", "primary_key": "id"},
        runs=2,
    ),
    scenario("incremental_with_a_merge", after(IN_PARAMS) | {"write_disposition": "merge", "primary_key": "id"}, runs=2),
    scenario("incremental_with_a_replace", after(IN_PARAMS) | {"write_disposition": "replace"}, runs=2),
    scenario(
        "incremental_in_ascending_order",
        after({"params": {"after": "{incremental.start_value}"}}, row_order="asc", end_value=12),
    ),
    scenario("incremental_with_a_missing_cursor", after({}, "posts", cursor_path="none", on_cursor_value_missing="include")),
    scenario("incremental_without_rows_that_lack_the_cursor", after({}, "posts", cursor_path="none", on_cursor_value_missing="exclude")),
    scenario("incremental_with_a_cursor_that_must_be_there", after({}, "posts", cursor_path="none")),
    scenario(
        "children_of_new_parents",
        after({"json": {"ids_greater_than": "{incremental.start_value}", "page_size": 100}} | SEARCH | SINGLE, "posts/search", initial_value=20),
        child("details", "posts/{resources.posts.id}"),
        runs=2,
    ),
]


def details(path: str, *actions: dict[str, Any]) -> dict[str, Any]:
    """Something of each post that is not there for all of them."""
    return child("details", path, response_actions=list(actions), **SINGLE)


def lost(*actions: dict[str, Any]) -> dict[str, Any]:
    """Something that is not there at all."""
    return resource("details", "posts/1/some_details_404", endpoint=SINGLE | ({"response_actions": list(actions)} if actions else {}))


FIRST = resource("posts", "posts", endpoint=SINGLE)
SOME_404 = "posts/{resources.posts.id}/some_details_404"
SOME_422 = "posts/{resources.posts.id}/some_details_404_others_422"
SOME_204 = "posts/{resources.posts.id}/some_details_204"

ACTIONS = [
    scenario("ignore_404", FIRST, details(SOME_404, {"status_code": 404, "action": "ignore"})),
    scenario(
        "ignore_404_and_422",
        FIRST,
        details(SOME_422, {"status_code": 404, "action": "ignore"}, {"status_code": 422, "action": "ignore"}),
    ),
    scenario("ignore_204", FIRST, details(SOME_204, {"status_code": 204, "action": "ignore"})),
    scenario("ignore_by_content", FIRST, details(SOME_404, {"content": "not found", "action": "ignore"})),
    scenario(
        "ignore_by_status_and_content",
        FIRST,
        details(SOME_404, {"status_code": 404, "content": "Post", "action": "ignore"}),
    ),
    scenario("ignore_another_content", lost({"status_code": 404, "content": "teapot", "action": "ignore"})),
    scenario("an_error_that_is_not_ignored", lost()),
    scenario("ignore_the_first_page", lost({"status_code": 404, "action": "ignore"})),
]

OAUTH = {
    "type": "oauth2_client_credentials",
    "access_token_url": f"{API}/oauth/token",
    "client_id": "test-client-id",
    "client_secret": "test-client-secret",
}
PROTECTED = resource("posts", "protected/posts/bearer-token")

AUTH = [
    scenario("auth_bearer", PROTECTED, auth={"type": "bearer", "token": "test-token"}),
    scenario("auth_without_type", PROTECTED, auth={"token": "test-token"}),
    scenario(
        "auth_http_basic",
        resource("posts", "protected/posts/basic-auth"),
        auth={"type": "http_basic", "username": "user", "password": "password"},
    ),
    scenario(
        "auth_api_key_in_a_header",
        resource("posts", "protected/posts/api-key"),
        auth={"type": "api_key", "name": "x-api-key", "api_key": "test-api-key"},
    ),
    scenario(
        "auth_api_key_in_the_query",
        resource("posts", "protected/posts/api-key-in-query"),
        auth={"type": "api_key", "name": "key", "api_key": "test api-key", "location": "query"},
    ),
    scenario("auth_oauth2", PROTECTED, auth=OAUTH),
    scenario("auth_oauth2_with_more_in_the_request", PROTECTED, auth=OAUTH | {"access_token_request_data": {"scope": "read all"}}),
    scenario("auth_oauth2_token_that_expires", PROTECTED, auth=OAUTH | {"access_token_url": f"{API}/oauth/token-expires-now"}),
    scenario("auth_oauth2_refused", PROTECTED, auth=OAUTH | {"client_secret": "wrong-secret"}),
    scenario(
        "auth_of_an_endpoint",
        resource("posts", "protected/posts/bearer-token", endpoint={"auth": {"type": "bearer", "token": "test-token"}}),
    ),
    scenario(
        "auth_of_no_endpoint",
        resource("posts", "posts", endpoint=SINGLE | {"auth": None}),
        auth={"type": "bearer", "token": "test-token"},
    ),
    scenario("auth_that_is_wrong", PROTECTED, auth={"type": "bearer", "token": "wrong-token"}),
    scenario(
        "auth_that_is_wrong_and_no_json",
        resource("posts", "protected/posts/bearer-token-plain-text-error"),
        auth={"type": "bearer", "token": "wrong-token"},
    ),
]

MERGE = {"write_disposition": "merge", "primary_key": "id"}
DELETED = resource("posts", "posts_deleted", columns={"gone": {"hard_delete": True}}, **MERGE)

WRITES = [
    scenario("append", "posts", runs=2),
    scenario("a_key_that_no_row_has", resource("echo", endpoint=SINGLE, primary_key="id")),
    scenario("replace", resource("posts", write_disposition="replace"), runs=2),
    scenario("merge", resource("posts", **MERGE), runs=2),
    scenario(
        "merge_upsert",
        resource("posts", write_disposition={"disposition": "merge", "strategy": "upsert"}, primary_key="id"),
        runs=2,
    ),
    scenario(
        "merge_insert_only",
        resource("posts", write_disposition={"disposition": "merge", "strategy": "insert-only"}, primary_key="id"),
        runs=2,
    ),
    scenario("merge_by_two_keys", resource("comments", "posts/1/comments", write_disposition="merge", primary_key=["post_id", "id"]), runs=2),
    scenario("merge_with_hard_deletes", DELETED, runs=2),
    scenario("merge_nested", resource("posts", "posts_with_reactions", **MERGE), runs=2),
    scenario("nested", resource("posts", "posts_with_reactions")),
    scenario("nested_as_json", resource("posts", "posts_with_reactions", max_table_nesting=0)),
    scenario("another_table_name", resource("posts", table_name="articles")),
    scenario("a_name_to_normalise", resource("PostItems", "posts_all")),
    scenario("column_hints", resource("posts", "posts_all", columns={"id": {"data_type": "text"}, "title": {"nullable": False}})),
    scenario("a_column_that_is_a_list_of_columns", resource("posts", "posts_all", columns=[{"name": "id", "data_type": "double"}])),
    scenario("partitions", resource("events", endpoint=SINGLE, columns={"title": {"partition": True}})),
]

SCENARIOS: list[Scenario] = [
    *PAGINATORS,
    *DETECTION,
    *SELECTORS,
    *REQUESTS,
    *CHILDREN,
    *INCREMENTAL,
    *ACTIONS,
    *AUTH,
    *WRITES,
]
