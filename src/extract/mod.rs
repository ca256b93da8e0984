//! Plan to pages: one [`Course`] over the pages of one resource, of one walk or of one for each row of its parent.
//!
//! ```text
//! paginate (where next?) -> request (what to ask) -> client -> ahead (in order) -> select (which rows) -> Page
//!        ^                                                                            |
//!        '--------------------- what the page showed, in delivery order <-------------'
//! ```
//!
//! Pages may be fetched ahead of their turn; they are delivered in order, each row once. A page that does not look like
//! those before it, or that a server seems to have sent twice, is an error and never a silent end. Nothing here spawns a
//! task or waits by itself: requests make progress while the walk is polled.

mod ahead;
mod audience;
mod body;
mod branch;
mod course;
mod cursor;
mod detect;
mod error;
mod fill;
mod format;
mod graphql;
mod include;
mod large;
mod midst;
mod paginate;
mod parent_row;
mod place;
mod processed;
mod reached;
mod repeats;
mod request;
mod resuming;
mod select;
mod text;
mod walk;
mod walked;

pub use audience::Lanes;
pub use course::{Course, CourseOptions};
pub use cursor::CursorFault;
pub use error::{ExtractError, ExtractErrorKind};
pub use fill::{FillFault, FillProblem};
pub use paginate::PagingFault;
pub use parent_row::{Parent, ParentRow};
pub use reached::{LaneCursors, Reached};
pub use select::SelectFault;
pub use walked::Walked;
