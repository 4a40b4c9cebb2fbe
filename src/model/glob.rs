//! Patterns of file names, as shells have them.

/// Whether a text has any of the characters that make it a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a name fits a pattern of `*`, `?`, `[a-z]`, `[^a-z]` and letters; a name that begins with a dot fits
/// only a pattern that does.
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    if name.first() == Some(&'.') && pattern.first() != Some(&'.') {
        return false;
    }
    // The place to come back to when what follows the last `*` does not fit: it then takes one letter more.
    let (mut p, mut n, mut back) = (0, 0, None);
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                back = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => class(&pattern[p..], name[n]).map(|length| p + length),
            Some(letter) if *letter == name[n] => Some(p + 1),
            _ => None,
        };
        match (step, back) {
            (Some(next), _) => (p, n) = (next, n + 1),
            (None, Some((star, taken))) => {
                back = Some((star, taken + 1));
                (p, n) = (star + 1, taken + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

/// The length of the class at the start of `pattern`, where `letter` is in it.
fn class(pattern: &[char], letter: char) -> Option<usize> {
    let end = pattern.iter().skip(2).position(|c| *c == ']')? + 2;
    let inside = &pattern[1..end];
    let (negated, inside) = match inside {
        ['^', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut found = false;
    let mut at = 0;
    while at < inside.len() {
        if at + 2 < inside.len() && inside[at + 1] == '-' {
            found |= (inside[at]..=inside[at + 2]).contains(&letter);
            at += 3;
        } else {
            found |= inside[at] == letter;
            at += 1;
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_shells_do_it() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(fits(pattern, name), expected, "{pattern} on {name}");
        };
        check("*.yml", "a.yml", true);
        check("*.yml", ".a.yml", false);
        check("*.yml", "a.yml.bak", false);
        check("*a*b", "xaxbab", true);
        check("a?c", "abc", true);
        check("[0-9][^x].yml", "1y.yml", true);
        check("[0-9][^x].yml", "1x.yml", false);
        check("[", "[", false);
        check("**", "", true);
    }
}
