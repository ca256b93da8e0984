//! Alluvium loads REST APIs into Delta Lake tables from a declarative config with the keys of dlt's `rest_api_source`.
//!
//! The stages in the order in which rows go through them; each sees only the vocabulary (`plan`, `json`, `flow`), never
//! another stage:
//!
//! 1. [`config`] reads a file and makes a [`plan::Plan`] of it.
//! 2. [`client`] sends one request at a time, again where that helps.
//! 3. [`extract`] walks an endpoint's pages.
//! 4. [`normalize`] turns JSON into Arrow.
//! 5. [`load`] writes, merges and commits.
//! 6. [`pipeline`] puts them together.
//!
//! [`table`] looks after a table beside that.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use alluvium::{config, pipeline};
//!
//! let plan = config::load("github.yaml".as_ref(), &config::Options::default())?;
//! let (_handle, stop) = pipeline::Stop::new();
//! let report = pipeline::run(&plan, std::sync::Arc::new(()), stop).await;
//! for resource in &report.resources {
//!     println!("{}: {} rows", resource.table, resource.rows.read);
//! }
//! # Ok(())
//! # }
//! ```
#![doc = include_str!("ARCHITECTURE.md")]

pub mod plan;

pub mod json;

pub mod flow;

pub mod config;

pub mod client;

pub mod extract;

pub mod normalize;

pub mod load;

pub mod error;

pub mod pipeline;

pub mod table;

pub use error::{Error, ErrorClass};

#[cfg(test)]
mod fuzzing;
