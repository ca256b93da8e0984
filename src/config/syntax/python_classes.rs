//! dlt's classes of paginators, auths and cursors: a call of one stands for the map with `type` that says the same.

/// A class: its name, its `type`, and those of its parameters that may stand without a name, which are named as the keys are.
struct Class {
    name: &'static str,
    kind: &'static str,
    parameters: &'static [&'static str],
}

const CLASSES: [Class; 14] = [
    Class { name: "BearerTokenAuth", kind: "bearer", parameters: &["token"] },
    Class { name: "HttpBasicAuth", kind: "http_basic", parameters: &["username", "password"] },
    Class { name: "APIKeyAuth", kind: "api_key", parameters: &["name", "api_key", "location"] },
    Class {
        name: "OAuth2ClientCredentials",
        kind: "oauth2_client_credentials",
        parameters: &[
            "access_token",
            "access_token_url",
            "client_id",
            "client_secret",
            "access_token_request_data",
            "default_token_expiration",
            "session",
        ],
    },
    Class {
        name: "OAuthJWTAuth",
        kind: "oauth_jwt",
        parameters: &[
            "client_id",
            "private_key",
            "auth_endpoint",
            "scopes",
            "headers",
            "private_key_passphrase",
            "default_token_expiration",
            "session",
        ],
    },
    Class { name: "SinglePagePaginator", kind: "single_page", parameters: &[] },
    Class { name: "JSONLinkPaginator", kind: "json_link", parameters: &["next_url_path"] },
    Class { name: "JSONResponsePaginator", kind: "json_link", parameters: &["next_url_path"] },
    Class { name: "HeaderLinkPaginator", kind: "header_link", parameters: &["links_next_key"] },
    Class { name: "HeaderCursorPaginator", kind: "header_cursor", parameters: &["cursor_key", "cursor_param"] },
    Class {
        name: "JSONResponseCursorPaginator",
        kind: "cursor",
        parameters: &["cursor_path", "cursor_param", "cursor_body_path"],
    },
    Class {
        name: "PageNumberPaginator",
        kind: "page_number",
        parameters: &["base_page", "page", "page_param", "total_path", "maximum_page", "stop_after_empty_page"],
    },
    Class {
        name: "OffsetPaginator",
        kind: "offset",
        parameters: &[
            "limit",
            "offset",
            "offset_param",
            "limit_param",
            "total_path",
            "maximum_offset",
            "stop_after_empty_page",
        ],
    },
    Class {
        name: "incremental",
        kind: "incremental",
        parameters: &[
            "cursor_path",
            "initial_value",
            "last_value_func",
            "primary_key",
            "end_value",
            "row_order",
            "allow_external_schedulers",
            "on_cursor_value_missing",
            "lag",
            "range_start",
            "range_end",
        ],
    },
];

/// Whether a full name is that of one of dlt's types for dictionaries, such as `RESTAPIConfig`, a call of which makes one.
pub(super) fn is_typed_dict(full_name: &str) -> bool {
    let is_of_dlt = full_name.starts_with("dlt.sources.rest_api") || full_name.starts_with("rest_api");
    let name = full_name.rsplit('.').next().unwrap_or(full_name);
    is_of_dlt && (name.ends_with("Config") || matches!(name, "Endpoint" | "EndpointResource" | "EndpointResourceBase"))
}

/// The `type` and the parameters by position of the class that a full name ends in.
pub(super) fn class(full_name: &str) -> Option<(&'static str, &'static [&'static str])> {
    let name = full_name.rsplit('.').next().unwrap_or(full_name);
    CLASSES.iter().find(|class| class.name == name).map(|class| (class.kind, class.parameters))
}
