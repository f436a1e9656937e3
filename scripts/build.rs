//! Makes the folder of browser assets exist, so that a clean checkout compiles before they are
//! built, and asks for a rebuild when an embedded file changes.

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script through its environment"
)]
fn main() {
    let site = std::path::Path::new("target/site");
    std::fs::create_dir_all(site).expect("the target folder can be written");
    // The browser half embeds nothing, and must not be compiled again because it was.
    if std::env::var_os("CARGO_FEATURE_SSR").is_some() {
        println!("cargo::rerun-if-changed=target/site");
    }
    println!("cargo::rerun-if-changed=migrations");
}
