//! Plan to pages: one [`Walk`] over the pages of one resource.
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
mod detect;
mod error;
mod format;
mod graphql;
mod paginate;
mod request;
mod select;
mod walk;

pub use error::{ExtractError, ExtractErrorKind};
pub use paginate::PagingFault;
pub use select::SelectFault;
pub use walk::{Walk, Walked};
