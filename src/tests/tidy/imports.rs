//! Imports follow the table and form no cycles.

use std::{collections::BTreeSet, fs};

use super::{
    graph::{by_module, circles, edges, imports, without_own_parent},
    root, sources,
    table::{MAY_IMPORT, rule},
};

#[test]
fn imports_follow_the_table() {
    let mut wrong = Vec::new();
    for (name, used) in imports(&sources()) {
        let (_, allowed) = rule(&name).unwrap_or_else(|| panic!("{name} is not in the table"));
        for used in used {
            let is_within =
                |module: &&&str| used == **module || used.starts_with(&format!("{module}::"));
            if !allowed.iter().any(|module| is_within(&module)) && !is_own(&name, &used) {
                wrong.push(format!("{name} imports {used}; it may import {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Is it the file's own module, or below it?
fn is_own(name: &str, used: &str) -> bool {
    let own = name.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
    used == own || used.starts_with(&format!("{own}::")) || own.starts_with("lib")
}

#[test]
fn no_imports_form_a_cycle() {
    let imports = imports(&sources());
    let edges = edges(&imports);
    for edges in [by_module(&edges), without_own_parent(&edges)] {
        let found = circles(&edges);
        assert!(found.is_empty(), "imports that are part of a cycle: {found:#?}");
    }
}

#[test]
fn circles_are_found() {
    let file = |name: &str, code: &str| (name.to_owned(), code.to_owned());
    let files = [
        file("lib.rs", "pub mod a;"),
        file("a/mod.rs", "mod b; mod c; use b::One; pub use self::c::{Two, Three as Four};"),
        file("a/b.rs", "use std::fmt; use super::{\n c::{self, Two}, Nothing};"),
        file("a/c.rs", "fn two() { crate::d::three() }"),
        file("d.rs", "// use crate::a;\nfn three() { let a = 1; super::lib() }"),
    ];
    let imports = imports(&files);
    assert_eq!(
        circles(&edges(&imports)),
        [("a/b.rs", "a/mod.rs"), ("a/mod.rs", "a/b.rs")],
        "{imports:?}"
    );
}

/// The table in `docs/ARCHITECTURE.md` is generated from `table.rs`.
#[test]
fn the_architecture_shows_the_table() {
    let mut table = "| module | may import |\n|---|---|\n".to_owned();
    for (module, allowed) in MAY_IMPORT {
        let list = if allowed.is_empty() { "-".to_owned() } else { allowed.join(", ") };
        table.push_str(&format!("| {} | {list} |\n", module.replace('/', "::")));
    }
    let file = root().join("docs/ARCHITECTURE.md");
    let text = fs::read_to_string(&file).unwrap();
    let shown = text.split("<!-- import table").nth(1).and_then(|rest| rest.split_once("-->\n"));
    let shown = shown.map(|(_, rest)| rest.split("<!-- end -->").next().unwrap_or_default().trim());
    assert!(shown == Some(table.trim()), "put this into docs/ARCHITECTURE.md:\n\n{table}");
}

#[test]
fn the_table_names_modules_that_exist() {
    let names: BTreeSet<_> =
        sources().into_iter().map(|(name, _)| name.trim_end_matches(".rs").to_owned()).collect();
    for (module, _) in MAY_IMPORT {
        let exists = names.iter().any(|name| name.starts_with(module));
        assert!(exists, "the table names {module}, which is not there");
    }
}
