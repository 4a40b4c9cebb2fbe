//! The report for people: as text for a terminal, as Markdown for a review.

use std::fmt::Write as _;

use super::types::{IncidentReport, Moment, PostReport, Report};

/// How headings and lists look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Text,
    Markdown,
}

/// The story as text.
pub fn text(report: &Report) -> String {
    tell(report, Style::Text)
}

/// The story as Markdown.
pub fn markdown(report: &Report) -> String {
    tell(report, Style::Markdown)
}

fn tell(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for incident in &report.incidents {
        head(&mut out, incident, style);
        timeline(&mut out, incident, style);
        causes(&mut out, incident, style);
        out.push('\n');
    }
    if report.incidents.is_empty() {
        out.push_str("No incident.\n\n");
    }
    scorecard(&mut out, report, style);
    out
}

fn heading(out: &mut String, style: Style, level: usize, title: &str) {
    let _ = match style {
        Style::Markdown => writeln!(out, "{} {title}\n", "#".repeat(level)),
        Style::Text if level == 1 => writeln!(out, "{title}"),
        Style::Text => writeln!(out, "\n  {title}"),
    };
}

fn item(out: &mut String, style: Style, text: &str) {
    let _ = match style {
        Style::Markdown => writeln!(out, "- {text}"),
        Style::Text => writeln!(out, "    {text}"),
    };
}

fn head(out: &mut String, incident: &IncidentReport, style: Style) {
    let internal = if incident.public { "" } else { " (internal)" };
    heading(out, style, 1, &format!("{} {}{internal}", incident.id, incident.title));
    let mut facts = vec![format!("status {}, worst impact {}", incident.status, incident.impact)];
    if !incident.affected.is_empty() {
        facts.push(format!("affected: {}", incident.affected));
    }
    facts.extend(incident.merged_into.iter().map(|into| format!("merged into {into}")));
    let times = [
        ("started", Some(&incident.started_at)),
        ("opened", Some(&incident.opened_at)),
        ("acknowledged", incident.acknowledged_at.as_ref()),
        ("identified", incident.identified_at.as_ref()),
        ("mitigated", incident.mitigated_at.as_ref()),
        ("monitoring", incident.monitoring_at.as_ref()),
        ("resolved", incident.resolved_at.as_ref()),
    ];
    let times: Vec<String> =
        times.into_iter().filter_map(|(name, at)| Some(format!("{name} {}", time(at?)))).collect();
    facts.push(times.join(", "));
    let promises = incident.promises;
    facts.push(format!(
        "promises: {} made, {} kept, {} missed",
        promises.made, promises.kept, promises.missed
    ));
    facts.iter().for_each(|fact| item(out, style, fact));
}

/// Posts, pages and actions in one line of time.
fn timeline(out: &mut String, incident: &IncidentReport, style: Style) {
    heading_of_list(out, style, "timeline");
    let mut lines: Vec<(&Moment, String)> = Vec::new();
    lines.extend(incident.posts.iter().map(|post| (&post.at, of_post(post))));
    lines.extend(incident.pages.iter().map(|page| {
        let suspect =
            page.first_suspect.as_ref().map(|one| format!("; suspect: {}", one.summary)).unwrap_or_default();
        let reason = page.reason.replace('_', " ");
        (
            &page.at,
            format!("page #{} ({reason}) to {}: {}{suspect}", page.number, page.to.join(", "), page.summary),
        )
    }));
    lines.extend(incident.actions.iter().map(|action| {
        let effect = action.effect.as_ref();
        let effect =
            effect.map(|effect| format!(" ({}: {:.1} → {:.1})", effect.what, effect.from, effect.to));
        (&action.at, format!("action by {}: {}{}", action.by, action.text, effect.unwrap_or_default()))
    }));
    lines.sort_by_key(|(at, _)| (*at).clone());
    for (at, line) in lines {
        item(out, style, &format!("{} {line}", time(at)));
    }
}

fn heading_of_list(out: &mut String, style: Style, title: &str) {
    if style == Style::Markdown {
        out.push('\n');
    }
    heading(out, style, 2, title);
}

fn of_post(post: &PostReport) -> String {
    let next = post.next_update_by.as_ref().map(|by| format!(", next by {}", time(by))).unwrap_or_default();
    let body = post.body.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("post #{} {}{next}: {body}", post.number, post.status)
}

fn causes(out: &mut String, incident: &IncidentReport, style: Style) {
    if !incident.suspects.is_empty() {
        heading_of_list(out, style, "suspects");
        for suspect in &incident.suspects {
            let component = suspect.component.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
            let (kind, summary) = (suspect.kind, &suspect.summary);
            item(out, style, &format!("{:.2} {kind}{component}, {}: {summary}", suspect.score, suspect.at.0));
        }
    }
    heading_of_list(out, style, "components");
    for component in &incident.components {
        let spans: Vec<String> = component
            .spans
            .iter()
            .map(|span| {
                let until = span.until.as_ref().map_or("…", |until| time(until));
                format!("{} {}–{until}", span.status, time(&span.from))
            })
            .collect();
        item(out, style, &format!("{}: {}", component.name, spans.join(", ")));
    }
}

fn scorecard(out: &mut String, report: &Report, style: Style) {
    heading(out, style, 1, "Scorecard");
    let card = &report.scorecard;
    let seconds =
        |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.0} s"));
    let suspect = card.first_suspect.as_ref().map_or("-", |suspect| suspect.summary.as_str());
    let yes = |is: bool| if is { "yes" } else { "no" };
    for (name, figure) in [
        ("public incidents", card.public_incidents.to_string()),
        ("internal incidents", card.internal_incidents.to_string()),
        ("first public word after", seconds(card.first_word_after_s)),
        ("longest gap between posts", seconds(card.longest_gap_s)),
        (
            "promises kept",
            format!("{} of {}, {} missed", card.promises.kept, card.promises.made, card.promises.missed),
        ),
        ("recovery posted within", seconds(card.recovery_posted_within_s)),
        ("first suspect", suspect.to_owned()),
        ("affected", card.affected.join("; ")),
        ("ETAs stated", card.etas.to_string()),
        ("all resolved", yes(card.all_resolved).to_owned()),
        ("resolved once drained", yes(card.resolved_once_drained).to_owned()),
    ] {
        item(out, style, &format!("{name}: {figure}"));
    }
}

/// The time of day of a moment.
fn time(at: &Moment) -> &str {
    at.0.get(11..19).unwrap_or(&at.0)
}
