//! The command line: what can be said, and nothing of what it does.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Loads REST APIs into Delta Lake tables.
#[derive(Debug, Parser)]
#[command(name = "alluvium", version, about, max_term_width = 100)]
pub(crate) struct Args {
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Loads every resource of a config (.yaml, .json, .toml or .py) into its Delta table
    Run(RunArgs),
    /// Shows what a config comes to, without its secrets and without running it
    Plan(PlanArgs),
    /// Prints a config as YAML, such as one that is part of a Python script
    Import(ImportArgs),
    /// Looks after one table
    #[command(subcommand)]
    Table(TableCommand),
    /// Loads real data from an API inside this program, to see it work
    Demo(DemoArgs),
}

/// The arguments of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Loads every resource anew: forgets where earlier runs were, and replaces the rows of the tables in one commit each
    #[arg(long)]
    pub(crate) full_refresh: bool,
    /// Appends to tables into which a pipeline of another name has appended the same resources
    #[arg(long)]
    pub(crate) adopt: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// The arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The form of the plan on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// The arguments of `import`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The config file
    pub(crate) config: PathBuf,
    /// Which source of a Python script that has several: its name, or that of its function or variable
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
}

/// Which config it is, and what changes it.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// The config file
    pub(crate) config: PathBuf,
    /// Which source of a Python script that has several: its name, or that of its function or variable
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// The folder or URI that gets the tables, instead of the config's `destination`
    #[arg(long, value_name = "URI")]
    pub(crate) to: Option<String>,
    /// Loads this resource only; may be given several times
    #[arg(long = "resource", value_name = "NAME")]
    pub(crate) resources: Vec<String>,
    /// Overrides a config value, such as `client.base_url=http://localhost:8000`; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) overrides: Vec<String>,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ShowArgs {
    /// The form of the report on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// The progress on stderr
    #[arg(long, value_enum, default_value_t = ProgressStyle::Auto)]
    pub(crate) progress: ProgressStyle,
}

/// The form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// The form of the progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressStyle {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A bar a resource
    Bar,
    /// A line every few seconds
    Plain,
    /// Nothing
    None,
}

/// What to do to a table.
#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// Puts small files together and leaves out for good what deletion vectors have taken out; the rows stay the same
    Optimize(OptimizeArgs),
    /// Removes files that no version of the last days needs any more
    Vacuum(VacuumArgs),
}

/// The arguments of `table optimize`.
#[derive(Debug, clap::Args)]
pub(crate) struct OptimizeArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// The columns that rows are sorted by, such as `id` or `day,id`; without it they keep their order
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) key: Vec<String>,
    /// The size that files are to have; those of less than half of it are put together
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    pub(crate) target_size: String,
}

/// The arguments of `table vacuum`.
#[derive(Debug, clap::Args)]
pub(crate) struct VacuumArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// The age from which on files are removed, such as `24h` or `30d`; without it what the table says, at least 7 days
    #[arg(long, value_name = "DURATION")]
    pub(crate) retention: Option<String>,
    /// Takes a retention below 7 days, which may remove files of loads and readers that are under way
    #[arg(long)]
    pub(crate) allow_short_retention: bool,
    /// Lists the files and removes none
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which table it is, and how the end is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct TableArgs {
    /// The folder or URI of the table
    pub(crate) uri: String,
    /// An option of the storage, such as `AWS_REGION=eu-central-1`; may be given several times
    #[arg(long = "storage-option", value_name = "NAME=VALUE")]
    pub(crate) storage_options: Vec<String>,
    /// Nobody else writes to the table meanwhile, so that the storage need not keep the conditions of puts
    #[arg(long)]
    pub(crate) single_writer: bool,
    /// The form of the report on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// The arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The folder that gets the config and the table
    #[arg(default_value = "./lake")]
    pub(crate) folder: PathBuf,
    /// Only serves the demo's API at an address such as 127.0.0.1:8000, until Ctrl-C
    #[arg(long, value_name = "ADDR")]
    pub(crate) serve: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}
