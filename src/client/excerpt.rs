//! What of an answer's body may be shown where it tells an error: its first words, without the credentials.

use super::request::Request;
use super::wire::Secrets;

/// Longest excerpt, in characters: a JSON error object fits, a page of HTML does not.
const CHARACTERS_MAX: usize = 300;

/// What a server said in answer to a request, as it may be shown.
pub fn presentable(request: &Request, said: &str) -> String {
    excerpt(said.as_bytes(), &Secrets::of(request))
}

/// The beginning of `body` with white space folded and every credential replaced by `***`.
pub(super) fn excerpt(body: &[u8], secrets: &Secrets) -> String {
    let text = String::from_utf8_lossy(body);
    // The credentials go first: folding might hide one that holds blanks.
    let shown = secrets.redact(&text);
    let folded = shown.split(|character: char| character.is_whitespace() || character.is_control());
    let folded = folded.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if folded.chars().count() <= CHARACTERS_MAX {
        return folded;
    }
    let mut short: String = folded.chars().take(CHARACTERS_MAX).collect();
    short.push('…');
    short
}
