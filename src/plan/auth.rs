//! How a request proves who sends it.

use super::Secret;

/// The credentials of a request. They are sent to the origin of the resource's own URL and to no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// One key under one name.
    ApiKey {
        /// The name of the header, query parameter or cookie.
        name: String,
        /// The key.
        key: Secret,
        /// Where it is put.
        location: ApiKeyLocation,
    },
}

/// Where an API key is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiKeyLocation {
    /// A request header; dlt's default.
    #[default]
    Header,
    /// A query parameter, after all others.
    Query,
    /// A cookie.
    Cookie,
}
