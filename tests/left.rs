//! Says what `cargo test` does not run, because it needs more than Rust.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

fn main() {
    println!(
        "\nleft to tests/all: the tables read by DuckDB, Spark, Sail, polars and deltalake, on disk and on Ceph; the fault scenarios\n"
    );
}
