//! What somebody probably meant to type.
//!
//! In:   a word, and the words that would have been fine.
//! Out:  the closest of them, if it is close.
//! Not:  nothing is corrected; it is only said.

/// The word of `known` that `typed` is a slip of.
pub(super) fn closest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (typed.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|word| (slips(&typed.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(slips, _)| *slips <= most)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, word)| word)
}

/// How many letters must be added, dropped, changed or swapped with their neighbour to get from `a` to `b`.
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized_and_other_words_are_not() {
        let known = ["expr", "alert", "annotations", "keep_firing_for"];
        for (typed, meant) in [
            ("exp", Some("expr")),
            ("exrp", Some("expr")),
            ("Alert", Some("alert")),
            ("anotation", Some("annotations")),
            ("keep_firing", None),
            ("severity", None),
        ] {
            assert_eq!(closest(typed, known), meant, "{typed}");
        }
    }
}
