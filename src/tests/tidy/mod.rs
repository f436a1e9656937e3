//! Tests of the code rules: the length of files, functions and lines, the module comment, and the
//! imports.

mod colours;
mod graph;
mod imports;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Maximum lines of a file, without its unit tests.
const FILE_LIMIT: usize = 400;
/// Maximum characters of a line.
const LINE_LIMIT: usize = 100;
/// Exceptions, with a reason. There are none.
const LONG_FILES: &[&str] = &[];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "nothing below {folder}");
    found
}

/// All sources without the integration tests: name below `src`, text without the file's unit tests.
fn sources() -> Vec<(String, String)> {
    let files =
        files_below("src", "rs").into_iter().filter(|(name, _)| !name.starts_with("src/tests/"));
    files
        .map(|(name, text)| {
            let name = name.trim_start_matches("src/").to_owned();
            let code = text.split("\n#[cfg(test)]").next().unwrap_or_default().to_owned();
            (name, code)
        })
        .collect()
}

#[test]
fn every_file_says_what_it_is_for_and_is_not_too_long() {
    let mut long = Vec::new();
    for (name, text) in sources() {
        assert!(text.starts_with("//!"), "{name} does not begin with //!");
        let lines = text.lines().count();
        if lines > FILE_LIMIT && !LONG_FILES.contains(&name.as_str()) {
            long.push((name, lines));
        }
    }
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn lines_are_short() {
    let files = ["src", "benches", "fuzz"].iter().flat_map(|folder| files_below(folder, "rs"));
    let mut wide = Vec::new();
    for (name, text) in files {
        let too_wide = |(_, line): &(usize, &str)| line.chars().count() > LINE_LIMIT;
        wide.extend(
            text.lines().enumerate().filter(too_wide).map(|(at, _)| (name.clone(), at + 1)),
        );
    }
    assert!(wide.is_empty(), "wider than {LINE_LIMIT} characters: {wide:?}");
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for (name, text) in sources() {
        let limit = if name.starts_with("ui/") || name == "app.rs" { 80 } else { 60 };
        for (signature, lines) in functions(&text) {
            if lines > limit {
                long.push(format!("{name}: {lines} lines: {signature}"));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// The first line of each function, and its number of lines. A function ends at the closing brace
/// in the column of its first letter, however long its signature is.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let (mut open, mut found) = (Vec::<(usize, usize, &str)>::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let words = code.split('(').next().unwrap_or_default();
        let is_function = code.starts_with("pub(") && code.contains(") fn ")
            || code.starts_with("pub(") && code.contains(") async fn ")
            || words.split(' ').take_while(|word| *word != "fn").all(is_qualifier)
                && words.split(' ').any(|word| word == "fn");
        let ends = |depth: usize| indent == depth && (line.ends_with("}") || line.ends_with(';'));
        if is_function && !(line.ends_with('}') || line.ends_with(';')) {
            open.push((number, indent, code));
        } else if let Some((begin, depth, signature)) = open.last().copied()
            && ends(depth)
        {
            open.pop();
            found.push((signature, number - begin + 1));
        }
    }
    found
}

fn is_qualifier(word: &str) -> bool {
    matches!(word, "pub" | "const" | "async" | "unsafe")
}

#[test]
fn functions_are_counted_with_their_signatures() {
    let text = "impl A {\n    pub(super) async fn long(\n        a: u8,\n    ) -> u8 \
                {\n        a\n    }\n}\nfn short() {\n}\nfn one_line() {}\n";
    let found = functions(text);
    assert_eq!(found, [("pub(super) async fn long(", 5), ("fn short() {", 2)]);
}

#[test]
fn cargo_features_are_checked_at_module_roots_only() {
    let mut places = Vec::new();
    for (name, text) in sources() {
        for line in text.lines().filter(|line| {
            line.contains("feature = \"ssr\"") || line.contains("feature = \"hydrate\"")
        }) {
            places.push(format!("{name}: {}", line.trim()));
        }
    }
    assert!(
        places.len() <= 7 && places.iter().all(|place| place.starts_with("lib.rs")),
        "{places:?}"
    );
}

#[test]
fn sql_and_unescaped_markup_are_only_in_their_modules() {
    for (name, text) in sources() {
        if !name.starts_with("engine/store/") && !name.starts_with("portal/store/") {
            assert!(!text.contains("sqlx::query"), "{name} holds SQL");
        }
        // Leptos 0.8 does not escape its children.
        assert!(
            !text.contains("<textarea") || name == "ui/widgets/text_area.rs",
            "{name} has a bare textarea"
        );
        // The content security policy forbids both.
        assert!(!text.contains(" style=") && !text.contains("inner_html"), "{name}");
    }
}

#[test]
fn every_widget_is_in_the_style_guide() {
    let guide: String =
        files_below("src/ui/pages/styleguide", "rs").into_iter().map(|(_, text)| text).collect();
    let widgets = fs::read_to_string(root().join("src/ui/widgets/mod.rs")).unwrap();
    let names = widgets.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    // A hidden field, and the navigation, which is on every page.
    let unseen = ["form_token", "navigation"];
    let missing: Vec<_> = names
        .filter(|name| !unseen.contains(name) && !guide.contains(&format!(" {name}::")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn only_a_few_files_distinguish_the_databases() {
    let may = [
        "db",
        "db/commits",
        "db/conn",
        "db/postgres",
        "migrate",
        "claim",
        "claim/heartbeat",
        "space",
        "commit/sqlite",
        "commit/postgres",
    ]
    .map(|name| format!("engine/store/{name}.rs"));
    for (name, text) in sources() {
        let knows = ["Link::Sqlite", "Link::Postgres", "Self::Sqlite"]
            .iter()
            .any(|word| text.contains(word));
        assert!(!knows || may.contains(&name), "{name} imports the engine");
    }
}

/// The compiler denies `unsafe`; this checks that no other file allows it.
#[test]
fn unsafe_is_allowed_in_the_tests_vfs_only() {
    let lint = concat!("unsafe", "_code");
    let excused = files_below("src", "rs").into_iter().filter(|(_, text)| text.contains(lint));
    assert_eq!(excused.map(|(name, _)| name).collect::<Vec<_>>(), ["src/tests/power/vfs.rs"]);
}

#[test]
fn migrations_come_in_pairs() {
    let numbers = |folder: &str| {
        let mut names: Vec<_> = files_below(&format!("migrations/{folder}"), "sql")
            .into_iter()
            .map(|(name, _)| Path::new(&name).file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(numbers("sqlite"), numbers("postgres"));
}

#[test]
fn colours_are_tokens() {
    for (name, text) in
        files_below("style", "css").into_iter().filter(|(name, _)| !name.ends_with("tokens.css"))
    {
        let is_hex = |word: &str| {
            word.starts_with('#')
                && word.len() > 3
                && word[1..].chars().all(|c| c.is_ascii_hexdigit())
        };
        let spelled = text
            .split([' ', ';', ',', '(', ')', '\n'])
            .find(|word| is_hex(word) || word.starts_with("rgb"));
        assert_eq!(spelled, None, "{name} spells a colour");
    }
}
