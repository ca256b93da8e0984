//! How bodies are read: a document parsed once, and paths into it.
//!
//! [`Document`] hides the parser; [`Path`] is the JSONPath dialect of `data_selector`, `total_path` and the like.
//! Nothing here builds a tree of heap objects, and nothing does I/O.

mod document;
mod expression;
mod path;
mod rows;
mod split;
mod step;
mod tape;

pub use document::{Document, Items, Kind, Members, Node, ParseError};
pub use expression::{Expression, ExpressionError};
pub use path::{Path, PathError};
pub use rows::{RowSink, Scratch};
pub use split::{Batches, Outline, SplitError, outline};
pub use step::{MemberPath, RowStep, StepFault};
pub use tape::Put;

/// Levels of objects and arrays in each other that are read; a deeper body is refused.
pub const LEVELS_MAX: usize = tape::LEVELS_MAX;
