//! What the config has done about an answer, before anything else is made of it.

use std::borrow::Cow;

use crate::plan::{Action, ResponseAction};

/// Bytes read of the body of an answer that is no success: enough for an excerpt.
const ERROR_BODY_BYTES_MAX: u64 = 16 << 10;
/// The same where a text is looked for in it: no server has more to say of an error.
const ERROR_BODY_BYTES_SEARCHED: u64 = 1 << 20;

/// How much of the body of an answer that is no success has to be read.
pub(super) fn error_body_bytes_max(actions: &[ResponseAction]) -> u64 {
    match actions.iter().any(|action| action.content.is_some()) {
        true => ERROR_BODY_BYTES_SEARCHED,
        false => ERROR_BODY_BYTES_MAX,
    }
}

/// What the first entry that fits says. The body is looked at only where one asks for a text in it.
pub(super) fn first(actions: &[ResponseAction], status: u16, body: &[u8]) -> Option<Action> {
    let mut text: Option<Cow<'_, str>> = None;
    let mut holds = |content: &str| text.get_or_insert_with(|| String::from_utf8_lossy(body)).contains(content);
    let mut by_status = actions.iter().filter(|action| action.takes_status(status));
    by_status.find(|action| action.content.as_deref().is_none_or(&mut holds)).map(|action| action.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_in_all_counts() {
        let entry = |statuses: &[std::ops::RangeInclusive<u16>], content: Option<&str>, action| ResponseAction {
            statuses: statuses.to_vec(),
            content: content.map(str::to_owned),
            action,
        };
        let actions = [
            entry(&[404..=404], Some("gone"), Action::Ignore),
            entry(&[404..=404, 500..=599], None, Action::Fail),
            entry(&[], Some("busy"), Action::Retry),
        ];
        let table = [
            (404, "it is gone", Some(Action::Ignore)),
            (404, "busy", Some(Action::Fail)),
            (599, "", Some(Action::Fail)),
            (200, "too busy", Some(Action::Retry)),
            (200, "gone", None),
            (499, "\u{fffd}", None),
        ];
        for (status, body, expected) in table {
            assert_eq!(first(&actions, status, body.as_bytes()), expected, "{status} {body}");
        }
        assert_eq!(first(&actions, 200, b"\xff busy"), Some(Action::Retry));
    }
}
