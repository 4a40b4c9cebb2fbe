//! Whether a user's template works: it is tried on facts of every sort before it is used.
//!
//! In:   a template's text.
//! Out:  nothing, or the line of it that fails, and why.
//! Not:  a text that works on these facts may still read badly; that is the user's to see with `fogsignal replay`.

use minijinja::value::{Serde, Value};

use super::{
    ActionFacts, AlertLine, BacklogFacts, DoneFacts, EtaFacts, LostFacts, PAGE, POST, PageFacts, PostFacts,
    ShownFacts, SinkFacts, SuspectFacts, environment,
};

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// The body of a post.
    Post,
    /// The details of a page.
    Page,
}

/// Tries a template on every sort of facts.
///
/// # Errors
/// The line that fails, from 1, where one does, and why.
pub fn check_template(kind: TemplateKind, text: &str) -> Result<(), (Option<usize>, String)> {
    let mut environment = environment();
    let name = match kind {
        TemplateKind::Post => POST,
        TemplateKind::Page => PAGE,
    };
    let told = |error: minijinja::Error| {
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        (error.line(), what)
    };
    environment.add_template(name, text).map_err(told)?;
    let template = environment.get_template(name).map_err(told)?;
    let facts: Vec<Value> = match kind {
        TemplateKind::Post => posts().into_iter().map(|facts| Value::from(Serde(facts))).collect(),
        TemplateKind::Page => pages().into_iter().map(|facts| Value::from(Serde(facts))).collect(),
    };
    for facts in facts {
        if template.render(facts).map_err(told)?.trim().is_empty() {
            return Err((None, "it gives an empty text".to_owned()));
        }
    }
    Ok(())
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// One of each: with everything, with nothing, and each special sort.
pub(super) fn posts() -> Vec<PostFacts> {
    let mut posts = Vec::new();
    for status in ["investigating", "identified", "monitoring", "resolved"] {
        let full = full_post(status);
        let bare = bare_post(status);
        posts.push(PostFacts { written: text("We found it."), ..full.clone() });
        posts.push(PostFacts { holding: true, ..bare.clone() });
        posts.push(PostFacts { ongoing: true, ..bare.clone() });
        posts.push(PostFacts { unchanged_since: text("14:30"), ..full.clone() });
        posts.push(PostFacts { unchanged_since: text("14:30"), first: false, ..bare.clone() });
        posts.push(full);
        posts.push(bare);
    }
    posts.push(PostFacts { muted: true, ..bare_post("investigating") });
    posts.push(PostFacts { merged_into: text("User database: major outage"), ..bare_post("resolved") });
    posts
}

fn bare_post(status: &'static str) -> PostFacts {
    PostFacts {
        incident: "INC-1".to_owned(),
        title: "CRM: partial outage".to_owned(),
        status,
        impact: "major",
        first: true,
        written: None,
        holding: false,
        muted: false,
        merged_into: None,
        late: None,
        relapsed: false,
        ongoing: false,
        unchanged_since: None,
        affected: "Blip Platform (CRM, Analytics) and Desk".to_owned(),
        shown: Vec::new(),
        recovered: Vec::new(),
        evidence: Vec::new(),
        causes: Vec::new(),
        actions: Vec::new(),
        backlogs: Vec::new(),
        more_backlogs: 0,
        lost: Vec::new(),
        start: "11:10".to_owned(),
        end: None,
        watch_until: None,
        zone: "GMT-03:00".to_owned(),
        next_update: None,
    }
}

fn full_post(status: &'static str) -> PostFacts {
    let eta = EtaFacts { low: "19:45".to_owned(), best: "20:00".to_owned(), high: "20:20".to_owned() };
    let backlog = |name: Option<String>, trend, eta| BacklogFacts {
        name,
        depth: text("498,211"),
        drained_below: text("1,000"),
        trend,
        eta,
    };
    PostFacts {
        first: false,
        late: text("14:30"),
        relapsed: true,
        shown: vec![ShownFacts {
            name: "CRM".to_owned(),
            status: "partial outage",
            key: "partial_outage",
            lasts: "14m".to_owned(),
        }],
        recovered: vec!["Desk".to_owned()],
        evidence: vec!["12 % of the requests to the CRM fail".to_owned()],
        causes: vec!["a change of the evening before".to_owned()],
        actions: vec![ActionFacts { at: "12:30".to_owned(), text: "consumers switched off".to_owned() }],
        backlogs: vec![
            backlog(text("Analytics"), Some("draining"), Some(eta)),
            backlog(None, Some("growing"), None),
            backlog(None, Some("stalled"), None),
            BacklogFacts { depth: None, drained_below: None, ..backlog(None, None, None) },
        ],
        more_backlogs: 2,
        lost: vec![
            LostFacts { name: text("CRM"), since: "12:00".to_owned() },
            LostFacts { name: None, since: "12:00".to_owned() },
        ],
        end: text("12:45"),
        watch_until: text("13:00"),
        next_update: text("14:45"),
        ..bare_post(status)
    }
}

pub(super) fn pages() -> Vec<PageFacts> {
    let bare = PageFacts {
        incident: "INC-1".to_owned(),
        title: "CRM: partial outage".to_owned(),
        status: "investigating",
        suspects: Vec::new(),
        cause: None,
        actions: Vec::new(),
        backlogs: Vec::new(),
        draft: None,
        alerts: vec![AlertLine {
            name: "CrmErrors".to_owned(),
            state: "firing",
            severity: None,
            role: "symptom",
            value: None,
            threshold: None,
            missing_since: None,
            summary: None,
            description: None,
        }],
        more: 0,
        root: None,
        affected: Vec::new(),
        at_risk: Vec::new(),
        undelivered: Vec::new(),
        held_by: Vec::new(),
        acknowledged_by: None,
        start: "11:10".to_owned(),
        zone: "GMT-03:00".to_owned(),
    };
    let post = full_post("investigating");
    let full = PageFacts {
        suspects: vec![SuspectFacts {
            kind: "deploy",
            component: text("CRM consumers"),
            summary: "batch size raised".to_owned(),
            at: "Jan 31, 2023 22:00".to_owned(),
            score: "0.48".to_owned(),
            time: "0.68".to_owned(),
            graph: "0.80".to_owned(),
            weight: "1.00".to_owned(),
            share: "0.87".to_owned(),
        }],
        cause: text("a change of the evening before"),
        actions: vec![DoneFacts {
            at: "12:30".to_owned(),
            by: "ana".to_owned(),
            text: "consumers switched off".to_owned(),
            effect: text("UserDatabaseCpu 97 → 60 within 15m"),
        }],
        backlogs: post.backlogs,
        draft: text("We are investigating a problem with CRM."),
        alerts: vec![AlertLine {
            severity: Some("major"),
            value: text("0.12"),
            threshold: text("0.05"),
            missing_since: text("12:00"),
            summary: text("12 % of the answers are errors"),
            description: text("see the dashboard"),
            ..bare.alerts[0].clone()
        }],
        more: 3,
        root: text("User database"),
        affected: post.shown,
        at_risk: vec!["Smart contact".to_owned()],
        undelivered: vec![SinkFacts { name: "status-page".to_owned(), because: "answered 410".to_owned() }],
        held_by: vec!["AnalyticsBacklog is not drained".to_owned()],
        acknowledged_by: text("ana"),
        ..bare.clone()
    };
    vec![bare, full]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incidents::settings::Language;
    use crate::incidents::words::texts;

    #[test]
    fn what_we_ship_works_on_all_facts() {
        for language in Language::ALL {
            for (kind, (name, text)) in
                [TemplateKind::Post, TemplateKind::Page].into_iter().zip(texts(language))
            {
                assert_eq!(check_template(kind, text), Ok(()), "{name} {language:?}");
            }
        }
    }

    #[test]
    fn the_guide_names_every_fact() {
        const GUIDE: &str = include_str!("../../../docs/incidents.md");
        fn names(value: &serde_json::Value, found: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                    found.push(name.clone());
                    names(value, found);
                }),
                serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        posts().iter().for_each(|facts| names(&serde_json::to_value(facts).expect("it is JSON"), &mut found));
        pages().iter().for_each(|facts| names(&serde_json::to_value(facts).expect("it is JSON"), &mut found));
        for name in found {
            assert!(GUIDE.contains(&format!("`{name}`")), "docs/incidents.md does not name `{name}`");
        }
    }

    #[test]
    fn a_template_that_fails_is_told_by_its_line() {
        let check = |text: &str, line: Option<usize>, part: &str| {
            let (at, what) = check_template(TemplateKind::Post, text).expect_err("it fails");
            assert!(at == line && what.contains(part), "{at:?}: {what}");
        };
        check("{{ title }}\n{{ nothing }}", Some(2), "undefined");
        check("{% if %}", Some(1), "unexpected");
        check("  ", None, "empty");
        check(
            "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
            Some(1),
            "",
        );
    }
}
