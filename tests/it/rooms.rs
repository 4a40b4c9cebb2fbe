//! Holds the rooms to the table in ARCHITECTURE.md: who may use whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with those that it may use. `daemon` and `cli` may use anything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("promql", &["model"]),
    ("series", &["model", "promql"]),
    ("scrape", &["model", "series"]),
    ("rules", &["model", "promql"]),
    ("incidents", &["model", "rules"]),
    ("delivery", &["model", "incidents"]),
    ("journal", &["model", "rules", "incidents", "delivery"]),
    ("pipeline", &["model", "promql", "series", "scrape", "rules", "incidents", "delivery", "journal"]),
    ("outbox", &["model", "delivery", "journal"]),
    ("sinks", &["model", "delivery", "outbox"]),
    (
        "server",
        &[
            "model",
            "promql",
            "series",
            "scrape",
            "rules",
            "incidents",
            "delivery",
            "journal",
            "pipeline",
            "outbox",
            "sinks",
        ],
    ),
    (
        "config",
        &[
            "model",
            "promql",
            "series",
            "scrape",
            "rules",
            "incidents",
            "delivery",
            "journal",
            "pipeline",
            "outbox",
            "sinks",
            "server",
        ],
    ),
    (
        "replay",
        &[
            "model",
            "promql",
            "series",
            "scrape",
            "rules",
            "incidents",
            "delivery",
            "journal",
            "pipeline",
            "outbox",
            "sinks",
            "server",
            "config",
        ],
    ),
];

/// Rooms that read no clock, open no file and speak to no network.
const PURE: &[&str] = &["model", "promql", "series", "rules", "incidents", "delivery"];
const IMPURE: &[&str] =
    &["std::fs", "std::net", "std::process", "tokio", "reqwest", "rusqlite", "axum", "Instant::now"];

#[test]
fn every_room_uses_only_what_it_may() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, file, source) in sources() {
        let Some(allowed) = allowed.get(room.as_str()) else { continue };
        for used in rooms_used(&source) {
            if used != room && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: `{room}` may not use `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_touch_nothing_outside() {
    let mut wrong = Vec::new();
    for (room, file, source) in sources().into_iter().filter(|(room, ..)| PURE.contains(&room.as_str())) {
        for word in IMPURE.iter().filter(|word| code(&source).contains(**word)) {
            wrong.push(format!("{}: `{room}` is pure and may not use `{word}`", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_test_finds_the_rooms() {
    let found: BTreeSet<String> = sources().into_iter().map(|(room, ..)| room).collect();
    for (room, _) in MAY_USE {
        assert!(found.contains(*room), "`{room}` has no source file");
    }
    assert_eq!(
        rooms_used("use crate::model::Labels;\nuse crate::{rules, series::Page};"),
        room_set(&["model", "rules", "series"])
    );
    assert_eq!(rooms_used("let x = crate::server::Face;\n// use crate::cli::x"), room_set(&["server"]));
}

fn room_set(rooms: &[&str]) -> BTreeSet<String> {
    rooms.iter().map(|room| (*room).to_owned()).collect()
}

/// Every source file with the room that it belongs to.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).expect("it was found below src").to_owned();
                let room = inside.components().next().expect("a path has a first part");
                let room = room.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
                let source = fs::read_to_string(&path).expect("a source file can be read");
                found.push((room, inside, source));
            }
        }
    }
    found
}

/// The source less its comments and its tests, which may use anything.
fn code(source: &str) -> String {
    let shipped = source.split("#[cfg(test)]").next().unwrap_or_default();
    shipped.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The rooms that code names by `crate::`, in a list in braces or not.
fn rooms_used(source: &str) -> BTreeSet<String> {
    let code = code(source);
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(top_level_names(list)),
            None => found.extend(first_name(rest)),
        }
    }
    found
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The first names of a list in braces, up to the brace that closes it.
fn top_level_names(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.extend(first_name(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.extend(first_name(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}
