//! One binary for all tests at the crate's boundary: one file a feature, over real sockets and real files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is wrong"
)]
#![allow(unreachable_pub, reason = "there is nothing outside to reach")]
#![allow(clippy::too_many_lines, reason = "a scenario is read from top to bottom")]

mod auth;
mod auto;
mod blooms;
mod children;
mod client;
mod dispositions;
mod equal;
mod formats;
mod fuzz;
mod gather;
mod incremental;
mod large;
mod leaves;
mod links;
mod maintenance;
mod merge;
mod pages;
mod paging;
mod partitions;
mod plan;
mod rate;
mod requests;
mod resume;
mod run;
mod schema;
mod steps;
mod storage;
mod support;
mod tidy;
mod trees;
mod trust;
mod vectors;
