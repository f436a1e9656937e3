//! Runs the fuzzers' corpus through the same functions in every test run: faults that were found
//! stay fixed, and the readers still accept the files.

use std::{fs, path::Path};

use service_hooks::fuzzing::TARGETS;

/// Names and contents of a target's corpus.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |file: fs::DirEntry| {
        (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).unwrap())
    };
    files.map(|file| read(file.unwrap())).collect()
}

#[test]
fn the_fuzzing_corpus_passes() {
    for (target, check) in TARGETS {
        let files = kept(target);
        assert!(files.len() >= 5, "{target} has {} files", files.len());
        for (name, bytes) in files {
            // The output then names the file if it panics.
            println!("{target}/{name}");
            check(&bytes);
        }
    }
}

#[test]
fn each_target_is_fuzzed() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
    for (target, _) in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target} is not in fuzz/Cargo.toml"
        );
    }
}
