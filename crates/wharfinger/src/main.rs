//! The `wharfinger` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    wharfinger::commands::run(std::env::args_os(), std::env::vars_os())
}
