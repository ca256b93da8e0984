//! What tests share: the scripted API, walks over it, bodies without it, runs of the binary, and a reader of tables.

pub mod api;
pub mod bodies;
pub mod command;
pub mod lake;
pub mod s3;
pub mod values;
pub mod walk;
