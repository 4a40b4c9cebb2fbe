//! What somebody probably meant.
//!
//! In:   a word, and the words that would have been right.
//! Out:  a hint that names the nearest, or all of them where they are few.

/// How many words a hint lists at most.
const LISTED: usize = 12;

/// A hint for `word`, which is none of `known`.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known.iter().map(|candidate| (distance(word, candidate), *candidate)).min();
    match nearest {
        // A third of the word may be wrong; more than that is another word.
        Some((away, candidate)) if away <= word.chars().count().div_ceil(3).max(1) => {
            Some(format!("did you mean `{candidate}`?"))
        }
        Some(_) if known.len() <= LISTED => {
            let list: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            Some(format!("known: {}", list.join(", ")))
        }
        _ => None,
    }
}

/// Whether `word` may be a slip of the pen for `meant`; short words are near too many others to say so.
pub fn is_slip_for(word: &str, meant: &str) -> bool {
    5 < meant.len() && distance(word, meant) <= 2
}

/// How many letters must be added, removed, changed or swapped with the next one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

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
