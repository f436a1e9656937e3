//! Makes the folder of browser assets exist, so that a clean checkout compiles before they are built, and asks for a
//! rebuild when an embedded file changes.

fn main() {
    let site = std::path::Path::new("target/site");
    std::fs::create_dir_all(site).expect("the target folder can be written");
    println!("cargo::rerun-if-changed=target/site");
    println!("cargo::rerun-if-changed=migrations");
}
