//! What somebody probably meant to type.
//!
//! In:   a word, and the words that would have been fine.
//! Out:  the closest of them, if it is close; or a hint that says so.
//! Not:  nothing is corrected; it is only said.

/// How many words a hint lists at most.
const LISTED: usize = 12;

/// A hint for `typed`, which is none of `known`: the word that it is a slip of, or all of them where they are few.
pub fn hint<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    meant(typed, known.iter().copied()).or_else(|| {
        let list: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
        (!list.is_empty() && list.len() <= LISTED).then(|| format!("known: {}", list.join(", ")))
    })
}

/// A hint that names the word of `known` that `typed` is a slip of.
pub fn meant<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(typed, known).map(|word| format!("did you mean `{word}`?"))
}

/// Whether `typed` may be a slip of the pen for `word`; short words are near too many others to say so.
pub fn is_slip_for(typed: &str, word: &str) -> bool {
    5 < word.len() && slips(&typed.to_lowercase(), &word.to_lowercase()) <= 2
}

/// The word of `known` that `typed` is a slip of.
pub fn closest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the word may be wrong; more than that is another word.
    let most = typed.chars().count().div_ceil(3).clamp(1, 3);
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

    #[test]
    fn names_the_nearest_or_lists_the_few() {
        let known = ["scrape_interval", "scrape_timeout", "job_name"];
        assert_eq!(hint("scrape_intreval", known).as_deref(), Some("did you mean `scrape_interval`?"));
        assert_eq!(hint("jobname", known).as_deref(), Some("did you mean `job_name`?"));
        assert_eq!(
            hint("x", known).as_deref(),
            Some("known: `scrape_interval`, `scrape_timeout`, `job_name`")
        );
        assert_eq!(hint("x", []), None);
    }
}
