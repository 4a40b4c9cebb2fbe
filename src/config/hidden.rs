//! Keeps secrets out of the source lines that problems show.
//!
//! In:   a text and, once it was read, its tree.
//! Out:  the same text with every secret overwritten, byte for byte, so that places stay what they are.
//! Not:  nothing is decided about the values themselves: `model::Secret` holds them.

use crate::config::tree::{Content, Node, Where};
use crate::model::suggest;

/// Keys whose values are never shown, wherever they stand.
const SECRET_KEYS: [&str; 15] = [
    "settings",
    "password",
    "credentials",
    "bearer_token",
    "secret",
    "client_secret",
    "url",
    "proxy_url",
    "proxy_connect_header",
    "secrets",
    "token",
    "api_key",
    "key",
    "access_key",
    "secret_key",
];

/// Overwrites what stands behind a secret's key.
pub fn mask_tree(text: &str, root: &Node) -> String {
    let mut spans = Vec::new();
    collect(root, false, &mut spans);
    let mut masked = text.to_owned();
    for (start, end) in spans {
        if let Some(part) = masked.get(start..end) {
            let stars = stars(part);
            masked.replace_range(start..end, &stars);
        }
    }
    masked
}

fn collect(node: &Node, secret: bool, spans: &mut Vec<(usize, usize)>) {
    match &node.content {
        // An alias's own place, and that of the text that it stands for.
        Content::Scalar(text) if secret => {
            for at in [&node.at, &text.at] {
                if let Where::File(span) = at {
                    spans.push((span.start, span.end));
                }
            }
        }
        Content::List(items) => items.iter().for_each(|item| collect(item, secret, spans)),
        Content::Map(entries) => {
            for (key, value) in entries {
                collect(value, secret || is_secret(&key.value), spans);
            }
        }
        _ => {}
    }
}

/// A key that was mistyped hides its value too: the line of it is what its problem shows.
fn is_secret(key: &str) -> bool {
    SECRET_KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret) || suggest::is_slip_for(key, secret))
}

/// For a text that could not be read as a tree: overwrites the rest of every line behind a secret's key.
pub fn mask_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| {
            let found = SECRET_KEYS.iter().filter_map(|key| {
                let at = line.find(&format!("{key}:")).or_else(|| line.find(&format!("{key}\":")))?;
                Some(at + line[at..].find(':')? + 1)
            });
            match found.min() {
                Some(from) => format!("{}{}", &line[..from], stars(&line[from..])),
                None => line.to_owned(),
            }
        })
        .collect()
}

/// As many bytes as `text` has, and its blanks and line ends where they were.
fn stars(text: &str) -> String {
    text.chars()
        .map(|c| match c.len_utf8() {
            1 if c.is_ascii_whitespace() => c,
            1 => '*',
            2 => '·',
            3 => '•',
            _ => '🞄',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_overwritten_and_nothing_moves() {
        let text = "a: {password: hünter2, b: 1}\nurl: >-\n  http://x\nc: 2\n";
        let tree = crate::config::tree::parse(&"f".into(), text).map_err(|p| p.to_string()).expect("YAML");
        let masked = mask_tree(text, &tree);
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains("nter2") && !masked.contains("http"), "{masked}");
        assert!(masked.contains("b: 1}") && masked.ends_with("c: 2\n"), "{masked}");
        let text = "a: {pasword: hunter2}\n";
        let tree = crate::config::tree::parse(&"f".into(), text).map_err(|p| p.to_string()).expect("YAML");
        assert_eq!(mask_tree(text, &tree), "a: {pasword: *******}\n");
        let text = "PASSWORD: hunter2\n";
        let tree = crate::config::tree::parse(&"f".into(), text).map_err(|p| p.to_string()).expect("YAML");
        assert_eq!(mask_tree(text, &tree), "PASSWORD: *******\n");
        let text = "x: &p hunter2\npassword: *p\n";
        let tree = crate::config::tree::parse(&"f".into(), text).map_err(|p| p.to_string()).expect("YAML");
        assert!(!mask_tree(text, &tree).contains("hunter2"), "{}", mask_tree(text, &tree));
        assert_eq!(mask_lines("a: 1\n  password: x y\nb: 2\n"), "a: 1\n  password: * *\nb: 2\n");
    }
}
