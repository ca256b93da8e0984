//! Bodies made batches by the library alone: no network, no table.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;

use alluvium::flow::{BodyReader, Page, RowPath, TableBatch, TableState};
use alluvium::json::{Document, Path};
use alluvium::normalize::{Draft, Normalizer};
use alluvium::plan::SafeUrl;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use super::walk::Source;

/// How rows get from a body into columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// From the nodes of a body that was parsed before.
    Nodes,
    /// While the body is read, where that can be.
    Taken,
    /// The same, of all bodies before anything is known of the first.
    TakenAhead,
}

/// What became of some bodies.
#[derive(Debug, PartialEq)]
pub struct Loaded {
    pub batches: Vec<RecordBatch>,
    pub schema: SchemaRef,
    /// Rows that were selected in the bodies.
    pub rows: usize,
}

/// A resource whose rows are in the array that `path` leads to, with types settled once so many bytes of rows are held.
pub struct Bodies {
    pub source: Source,
    path: Arc<Path>,
}

impl Bodies {
    pub fn new(path: &str, memory_bytes: u64) -> Self {
        let mut source = Source::single("http://api.example/items");
        source.limits.memory_bytes = NonZeroU64::new(memory_bytes).expect("not 0");
        Self { source, path: Arc::new(Path::parse(path).expect("a path")) }
    }

    /// Loads bodies as the pages of one walk, or gives the text of the first error.
    pub fn load(&self, bodies: &[Bytes], route: Route) -> Result<Loaded, String> {
        let Source { resource, limits, .. } = &self.source;
        let mut normalizer =
            Normalizer::new(resource, limits, &TableState::default()).map_err(|error| error.to_string())?;
        let mut batches = Vec::new();
        let mut rows = 0;
        let mut ahead = VecDeque::new();
        for (body, sequence) in bodies.iter().zip(1..) {
            let (draft, selected) = self.draft(&normalizer, body, sequence, route)?;
            rows += selected;
            ahead.push_back(draft);
            if route != Route::TakenAhead {
                push(&mut normalizer, &mut ahead, &mut batches)?;
            }
        }
        push(&mut normalizer, &mut ahead, &mut batches)?;
        batches.extend(normalizer.finish().map_err(|error| error.to_string())?);
        let batches = batches.into_iter().map(|batch| batch.rows).collect();
        Ok(Loaded { batches, schema: normalizer.load_schema().columns, rows })
    }

    /// One page in columns, and how many rows were selected in it.
    fn draft(
        &self,
        normalizer: &Normalizer,
        body: &Bytes,
        sequence: u64,
        route: Route,
    ) -> Result<(Draft, usize), String> {
        let decoder = normalizer.decoder();
        let (document, taken) = match route {
            Route::Nodes => (Document::parse(body.clone()).map_err(|error| error.to_string())?, None),
            Route::Taken | Route::TakenAhead => {
                decoder.read(body.clone(), Some(&self.path)).map_err(|error| error.to_string())?
            }
        };
        let page = Page {
            resource: self.source.resource.name.clone(),
            sequence,
            position: serde_json::Value::Null,
            url: SafeUrl::new(&self.source.resource.endpoint.url, &[]),
            document: Arc::new(document),
            rows: RowPath::At(Arc::clone(&self.path)),
            bytes: body.len() as u64,
            cursor: None,
            came_as: None,
            is_partial: false,
            begins_anew: false,
        };
        let draft = match taken {
            Some(taken) => decoder.taken(&page, taken),
            None => decoder.decode(&page).map_err(|error| error.to_string())?,
        };
        Ok((draft, page.rows().len()))
    }
}

fn push(
    normalizer: &mut Normalizer,
    drafts: &mut VecDeque<Draft>,
    batches: &mut Vec<TableBatch>,
) -> Result<(), String> {
    while let Some(draft) = drafts.pop_front() {
        batches.extend(normalizer.push(draft).map_err(|error| error.to_string())?);
    }
    Ok(())
}
