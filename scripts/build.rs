//! For the portal: makes the folder of browser assets exist, so that a clean checkout compiles
//! before they are built, and asks for a rebuild when a file changes that the release embeds. For a
//! backend that embeds the engine it does nothing but watch the migrations.

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script through its environment"
)]
fn main() {
    println!("cargo::rerun-if-changed=migrations");
    if std::env::var_os("CARGO_FEATURE_SSR").is_none() {
        return;
    }
    let site = std::path::Path::new("target/site");
    std::fs::create_dir_all(site).expect("the target folder can be written");
    // Debug builds read the folder while they run, and the browser half embeds nothing: neither
    // must be compiled again because a file changed.
    let is_release = std::env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    if is_release {
        println!("cargo::rerun-if-changed=target/site");
    }
}
