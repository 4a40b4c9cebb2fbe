//! Every rule pack that we ship, and the demo's own rules, load without a problem or a warning.

use std::fs;
use std::sync::Arc;

use fogsignal::rules::{Context, load};

#[test]
fn every_pack_loads() {
    let packs = fs::read_dir("rules").unwrap().map(|entry| entry.unwrap().path());
    let demo = std::path::PathBuf::from("src/cli/demo/rules.yml");
    let mut rules = 0;
    for path in packs.chain([demo]) {
        let text = fs::read_to_string(&path).unwrap();
        let file: Arc<str> = path.display().to_string().into();
        let (groups, problems) = load(&file, &text, &Context::default());
        assert!(problems.is_empty(), "{}", problems.render(false));
        rules += groups.iter().map(|group| group.rules.len()).sum::<usize>();
    }
    assert!(rules > 40, "{rules}");
}
