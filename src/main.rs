//! The `alluvium` binary: parses the arguments, calls the library and exits with a code.

mod cli;

/// Pages are built by one thread and dropped by another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
