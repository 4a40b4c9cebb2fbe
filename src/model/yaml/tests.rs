use super::*;

fn read(text: &str) -> Node {
    parse(text).expect("valid YAML").root
}

fn scalar<'a>(node: &'a Node, key: &str) -> &'a str {
    node.get(key).and_then(Node::text).expect("a scalar")
}

#[test]
fn a_scalar_stays_what_was_written() {
    let text = "a: 1.10\nb: on\nc: 0x1F\nd: 'x: y'\ne: 1e3\nf: true\ng: 15s # why\nh: \"a\\tb\"\ny: y\n";
    let node = read(text);
    for (key, expected) in [
        ("a", "1.10"),
        ("b", "on"),
        ("c", "0x1F"),
        ("d", "x: y"),
        ("e", "1e3"),
        ("f", "true"),
        ("g", "15s"),
        ("h", "a\tb"),
        ("y", "y"),
    ] {
        assert_eq!(scalar(&node, key), expected, "{key}");
    }
}

#[test]
fn everything_knows_its_place() {
    let text = "a:\n  - b: ü\n    c: [1, 2]\n";
    let node = read(text);
    let Content::List(items) = &node.get("a").expect("a").content else { panic!("a list") };
    let Content::Map(entries) = &items[0].content else { panic!("a map") };
    let shown = |at: &Span| &text[at.start..at.end];
    assert_eq!(shown(&entries[0].0.at), "b");
    assert_eq!(shown(&entries[0].1.at), "ü");
    let Content::List(numbers) = &entries[1].1.content else { panic!("a list") };
    assert_eq!(shown(&numbers[1].at), "2");
}

#[test]
fn an_alias_is_its_anchors_text_at_its_own_place() {
    let node = read("a: &x 1.50\nb: *x\n");
    assert_eq!(scalar(&node, "b"), "1.50");
    assert_eq!(node.get("b").map(|n| n.at), Some(Span::new(14, 16)));
}

#[test]
fn nothing_is_null() {
    let node = read("a:\nb: ~\nc: null\nd: ''\n");
    for key in ["a", "b", "c"] {
        assert!(matches!(node.get(key).expect("there").content, Content::Null), "{key}");
    }
    assert_eq!(scalar(&node, "d"), "");
    assert!(matches!(read("").content, Content::Null));
    assert!(matches!(read("# only a comment\n").content, Content::Null));
}

#[test]
fn a_syntax_error_has_a_place_and_shows_no_value() {
    let check = |text: &str, at: usize, expected: &str| {
        let error = parse(text).err().expect("no YAML");
        assert_eq!((error.at.map(|span| span.start), error.what.as_str()), (Some(at), expected), "{text}");
    };
    check("a: 1\na: 2\n", 5, "the key `a` is given twice");
    check("a: [1, 2\n", 3, "unclosed bracket '['");
    check("password: \"hunter2\nb: 1\n", 10, "unclosed quote");
}

#[test]
fn of_several_documents_the_first_counts() {
    let document = parse("# c\n---\na: 1\n---\nb: 2\n").expect("valid");
    assert_eq!(document.second, Some(Span::new(13, 16)));
    assert!(document.root.get("a").is_some());
    assert_eq!(parse("---\na: 1\n").expect("valid").second, None);
}

#[test]
fn nesting_beyond_any_sense_is_an_error() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX)).is_ok());
    assert!(parse(&nested(DEPTH_MAX + 1)).is_err());
    assert!(parse(&nested(100_000)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_brings_it_down(text in "[ a-cü:|>'\"\\\\&*#\\[\\]{}\n-]{0,60}") {
        if let Ok(document) = parse(&text) {
            let mut nodes = vec![document.root];
            while let Some(node) = nodes.pop() {
                match node.content {
                    Content::Scalar(scalar) => {
                        let place = scalar.place_of(&text, Span::new(0, scalar.value.len()));
                        proptest::prop_assert!(place.start <= place.end && place.end <= text.len());
                    }
                    Content::List(items) => nodes.extend(items),
                    Content::Map(entries) => nodes.extend(entries.into_iter().map(|(_, node)| node)),
                    Content::Null => {}
                }
            }
        }
    }
}
