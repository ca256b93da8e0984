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
    /// `Authorization: Bearer`.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// `Authorization: Basic`.
    Basic {
        /// The user; some APIs take a key here and an empty password.
        username: Secret,
        /// The password.
        password: Secret,
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

/// A shorter text may stand anywhere by chance, so that it is not taken for the secret that it equals.
const TELLING_BYTES_MIN: usize = 6;

impl Auth {
    /// Whether a value that a server repeats is one of these credentials. Short names and passwords are not told apart from
    /// other values.
    pub fn is_credential(&self, value: &str) -> bool {
        let is = |secret: &Secret| !value.is_empty() && secret.expose() == value;
        let is_telling = value.len() >= TELLING_BYTES_MIN;
        match self {
            Self::ApiKey { key, .. } => is(key),
            Self::Bearer { token } => is(token),
            // Where there is no password the name is the secret.
            Self::Basic { username, password } if password.expose().is_empty() => is_telling && is(username),
            Self::Basic { password, .. } => is_telling && is(password),
        }
    }
}
