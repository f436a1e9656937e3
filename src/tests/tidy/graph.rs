//! The imports between our files, parsed from the text: `crate::`, `super::`, `self::` and names of
//! modules below the file.

use std::collections::{BTreeMap, BTreeSet};

/// The imports of each file: full paths, without `crate::`.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// `files`: name below `src`, and code without unit tests.
pub fn imports(files: &[(String, String)]) -> Imports {
    let modules: BTreeSet<_> = files.iter().map(|(name, _)| module(name)).collect();
    files.iter().map(|(name, code)| (name.clone(), paths(&module(name), code, &modules))).collect()
}

/// The files that each file imports. A path belongs to the longest module that is its prefix.
pub fn edges(imports: &Imports) -> BTreeMap<&str, BTreeSet<&str>> {
    let files: BTreeMap<_, _> = imports.keys().map(|name| (module(name), name.as_str())).collect();
    let target = |path: &str| {
        let mut path = path;
        loop {
            if let Some(file) = files.get(path) {
                return Some(*file);
            }
            path = path.rsplit_once("::")?.0;
        }
    };
    let edges = imports.iter().map(|(name, paths)| {
        let targets = paths.iter().filter_map(|path| target(path));
        (name.as_str(), targets.filter(|target| *target != name).collect())
    });
    edges.collect()
}

/// `foo.rs` and the files in `foo/` form one module and may import each other. A `mod.rs` does not:
/// it only lists the modules of its folder.
pub fn by_module<'n>(
    edges: &BTreeMap<&'n str, BTreeSet<&'n str>>,
) -> BTreeMap<&'n str, BTreeSet<&'n str>> {
    let whole = |name: &'n str| {
        let mut folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        let file = folders.find_map(|folder| edges.get_key_value(format!("{folder}.rs").as_str()));
        file.map_or(name, |(file, _)| *file)
    };
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for (from, targets) in edges {
        let from = whole(from);
        let targets = targets.iter().map(|to| whole(to)).filter(|to| *to != from);
        found.entry(from).or_default().extend(targets);
    }
    found
}

/// Without imports of a module's parts from its own first file.
pub fn without_own_parent<'n>(
    edges: &BTreeMap<&'n str, BTreeSet<&'n str>>,
) -> BTreeMap<&'n str, BTreeSet<&'n str>> {
    let is_part = |from: &str, to: &str| {
        from.starts_with(&format!("{}/", to.trim_end_matches(".rs"))) && !to.ends_with("/mod.rs")
    };
    let kept = edges.iter().map(|(from, targets)| {
        (*from, targets.iter().copied().filter(|to| !is_part(from, to)).collect())
    });
    kept.collect()
}

/// The edges that are part of a cycle: their target leads back to their source.
pub fn circles<'n>(edges: &BTreeMap<&'n str, BTreeSet<&'n str>>) -> Vec<(&'n str, &'n str)> {
    let each = edges.iter().flat_map(|(from, targets)| targets.iter().map(|to| (*from, *to)));
    each.filter(|(from, to)| leads(edges, to, from)).collect()
}

fn leads(edges: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
    while let Some(file) = next.pop() {
        let targets = edges.get(file).into_iter().flatten().copied();
        next.extend(targets.filter(|target| seen.insert(target)));
    }
    seen.contains(to)
}

/// `engine::store::db` of `engine/store/db.rs`; empty for `lib.rs`.
fn module(name: &str) -> String {
    let path = name.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
    if path == "lib" { String::new() } else { path }
}

/// Every path into this crate in `code`, which is the code of `module`.
fn paths(module: &str, code: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    // `pub(in crate::engine)` imports nothing.
    let code = lines.collect::<Vec<_>>().join(" ").replace("(in crate", "(in ");
    let (mut found, mut rest) = (Vec::new(), code.as_str());
    let mut last = ' ';
    while let Some(first) = rest.chars().next() {
        let word = &rest[..rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len())];
        if word.is_empty() || last == ':' {
            let skipped = word.len().max(first.len_utf8());
            last = rest[..skipped].chars().last().unwrap_or(' ');
            rest = &rest[skipped..];
            continue;
        }
        let after = &rest[word.len()..];
        let base = match word {
            "crate" => Some(String::new()),
            "self" => Some(module.to_owned()),
            "super" => Some(parent(module).to_owned()),
            _ => Some(below(module, word)).filter(|path| modules.contains(path)),
        };
        if let (Some(base), Some(tail)) = (base, after.strip_prefix("::")) {
            let (base, tail) = climb(base, tail);
            spread(tail, base, &mut found);
        }
        last = word.chars().last().unwrap_or(' ');
        rest = after;
    }
    found.into_iter().collect()
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn below(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// Resolves further `super::`.
fn climb(mut base: String, mut tail: &str) -> (String, &str) {
    while let Some(further) = tail.strip_prefix("super::") {
        (base, tail) = (parent(&base).to_owned(), further);
    }
    (base, tail)
}

/// Reads a `use` tree from the start of `text`; returns the length read.
fn spread(text: &str, prefix: String, paths: &mut Vec<String>) -> usize {
    let end = text.find(|c: char| !(is_of_word(c) || c == ':')).unwrap_or(text.len());
    let here = text[..end].trim_end_matches("::");
    let path = if here.is_empty() || here == "self" { prefix } else { below(&prefix, here) };
    if !(end == 0 || text[..end].ends_with("::")) || !text[end..].starts_with('{') {
        paths.push(path);
        return end;
    }
    let mut at = end + 1;
    loop {
        at += text[at..].len() - text[at..].trim_start_matches([' ', ',']).len();
        if at >= text.len() || text[at..].starts_with('}') {
            return at + 1;
        }
        at += spread(&text[at..], path.clone(), paths).max(1);
        // `as name`
        if text[at..].starts_with(" as ") {
            at += text[at..].find([',', '}']).unwrap_or(0);
        }
    }
}
