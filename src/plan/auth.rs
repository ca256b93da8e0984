//! How a request proves who sends it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{SafeUrl, Secret, SigningKey};

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
    /// A bearer token that another endpoint hands out for a while.
    OAuth2(Arc<TokenGrant>),
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

/// What an endpoint of OAuth 2 (RFC 6749) is asked for an access token with.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// The token endpoint. What follows is sent there and nowhere else.
    pub url: url::Url,
    /// Which client asks.
    pub client_id: Secret,
    /// Its secret; `None`: a public client.
    pub client_secret: Option<Secret>,
    /// Where the client's id and secret are put.
    pub client_auth: ClientAuth,
    /// What the token is given for.
    pub grant: Grant,
    /// Further fields of the form; one takes the place of a field of that name.
    pub data: Vec<(String, Secret)>,
    /// Further headers of the request.
    pub headers: Vec<(String, Secret)>,
    /// How long a token lasts whose answer does not say so.
    pub default_expiration: Duration,
}

/// What a token is given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The client's own credentials.
    ClientCredentials,
    /// A refresh token that a user has given away.
    RefreshToken(Secret),
    /// An assertion that the client signs (RFC 7523). Its id and secret are not sent besides.
    Assertion {
        /// What it is signed with.
        key: SigningKey,
        /// What the token is to be good for.
        scope: Option<String>,
    },
}

/// Where a client's id and secret are put in a request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// Fields of the form; dlt's way.
    #[default]
    Body,
    /// `Authorization: Basic`.
    Basic,
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
            Self::OAuth2(grant) => is_telling && grant.secrets().any(is),
        }
    }
}

impl TokenGrant {
    /// The client's secret, the refresh token and the key.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let of_grant = match &self.grant {
            Grant::ClientCredentials => None,
            Grant::RefreshToken(token) => Some(token),
            Grant::Assertion { key, .. } => Some(key.pem()),
        };
        self.client_secret.iter().chain(of_grant)
    }
}

/// Without the names and values of the form, and with the URL as it may be shown.
impl fmt::Debug for TokenGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenGrant")
            .field("url", &SafeUrl::new(&self.url, &[]).to_string())
            .field("client_auth", &self.client_auth)
            .field("grant", &self.grant)
            .field("default_expiration", &self.default_expiration)
            .finish_non_exhaustive()
    }
}
