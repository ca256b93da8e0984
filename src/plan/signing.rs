//! A private key that signs what a token is asked for with.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

use super::Secret;

/// An RSA key that signs as RS256 (RFC 7518, section 3.3).
#[derive(Clone)]
pub struct SigningKey {
    pem: Secret,
    key: EncodingKey,
}

/// Why a text is no such key, or why it does not sign. It shows nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no private RSA key in PEM (`-----BEGIN PRIVATE KEY-----`) without a passphrase")]
pub struct SigningError;

impl SigningKey {
    /// Reads a key in PEM: PKCS #8 or PKCS #1, without a passphrase.
    ///
    /// # Errors
    /// When the text is no such key, or the key does not sign.
    pub fn parse(pem: Secret) -> Result<Self, SigningError> {
        let key = EncodingKey::from_rsa_pem(pem.expose().trim().as_bytes()).map_err(|_| SigningError)?;
        let key = Self { pem, key };
        // Only a signature shows that what the PEM holds is a key.
        key.sign(&Value::Null)?;
        Ok(key)
    }

    /// The claims as a signed token (RFC 7519).
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn sign(&self, claims: &Value) -> Result<Secret, SigningError> {
        let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &self.key);
        token.map(Secret::new).map_err(|_| SigningError)
    }

    /// The key as it was given.
    pub(super) fn pem(&self) -> &Secret {
        &self.pem
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
