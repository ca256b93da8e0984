//! Switching deletion vectors on for a table, where its config asks for it: one commit of its own, before the rows.

use serde_json::{Value, json};

use super::commit::{CommitOutcome, Entry};
use super::error::LoadErrorKind;
use super::store::Place;
use super::table::{Snapshot, VECTORS, VECTORS_PROPERTY};

/// The version of readers, and that of writers, from which features are listed by name.
const LISTING: (u64, u64) = (3, 7);
/// The features that older writer versions stand for, each with the version from which on.
const IMPLIED: [(u64, &str); 5] =
    [(2, "appendOnly"), (2, "invariants"), (3, "checkConstraints"), (4, "changeDataFeed"), (4, "generatedColumns")];

/// Commits the switch.
pub(super) async fn switch_on(
    place: &Place,
    snapshot: &Snapshot,
    run_id: &str,
) -> Result<CommitOutcome, LoadErrorKind> {
    let mut entry = Entry::new("SET TBLPROPERTIES", json!({"properties": {VECTORS_PROPERTY: "true"}}), run_id);
    entry.push(json!({ "protocol": with_vectors(&snapshot.protocol) }));
    let mut metadata = snapshot.metadata.clone();
    switch_on_in(&mut metadata);
    entry.push(json!({ "metaData": metadata }));
    entry.commit(place, snapshot.version + 1).await
}

/// Sets the property in the metadata of a table.
pub(super) fn switch_on_in(metadata: &mut Value) {
    if let Some(entries) = metadata.as_object_mut() {
        let configuration = entries.entry("configuration").or_insert_with(|| json!({}));
        if let Some(configuration) = configuration.as_object_mut() {
            configuration.insert(VECTORS_PROPERTY.to_owned(), "true".into());
        }
    }
}

/// A protocol that has what this one has, and deletion vectors.
pub(super) fn with_vectors(protocol: &Value) -> Value {
    let version = |key: &str| protocol.get(key).and_then(Value::as_u64).unwrap_or(1);
    let listed = |key: &str| -> Vec<String> {
        let names = protocol.get(key).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let (mut readers, mut writers) = (listed("readerFeatures"), listed("writerFeatures"));
    if version("minWriterVersion") < LISTING.1 {
        let implied = IMPLIED.iter().filter(|(since, _)| *since <= version("minWriterVersion"));
        writers.extend(implied.map(|(_, name)| (*name).to_owned()));
    }
    for features in [&mut readers, &mut writers] {
        if !features.iter().any(|name| name == VECTORS) {
            features.push(VECTORS.to_owned());
        }
    }
    json!({
        "minReaderVersion": LISTING.0,
        "minWriterVersion": LISTING.1,
        "readerFeatures": readers,
        "writerFeatures": writers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_a_version_stood_for_are_named() {
        let old = with_vectors(&json!({"minReaderVersion": 1, "minWriterVersion": 2}));
        assert_eq!(old["writerFeatures"], json!(["appendOnly", "invariants", "deletionVectors"]));
        assert_eq!(old["readerFeatures"], json!(["deletionVectors"]));
        assert_eq!(with_vectors(&old), old);
    }
}
