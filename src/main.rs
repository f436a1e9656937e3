//! The program. Everything is in `service_hooks::server::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_hooks::server::cli::main()
}
