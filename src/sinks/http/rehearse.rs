//! Tries a definition without a foreign system: for `check`, and for what replay tells of a sink.
//!
//! In:   a definition with the settings of a sink; messages.
//! Out:  the requests that would be made, whole, with stars for secrets; or the template that fails.
//! Not:  steps that only read are left out: there is nobody to ask. What would be captured gets a name that says so.

use serde_json::{Map, Value as Json, json};

use crate::delivery::{Audience, Delivery, Remembered, Tried};
use crate::model::SinkName;
use crate::sinks::body::{Limits, Links, PageLinks};
use crate::sinks::settings::{HttpSettings, SettingValue};
use crate::sinks::trial;

use super::definition::{Operation, OperationName};
use super::facts::{Facts, Values};
use super::render::Rendered;
use super::send::each;

/// A problem of a definition, found by trying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// Of which operation.
    pub operation: OperationName,
    /// Which of its steps, from 1.
    pub step: usize,
    /// What is wrong.
    pub why: String,
}

/// Tries every operation on every kind of message that it may get. The first problem of each operation is told.
pub fn rehearse(settings: &HttpSettings, audience: Audience) -> Vec<Rehearsed> {
    let mut problems: Vec<Rehearsed> = Vec::new();
    let name = SinkName::new("trial").expect("a fixed text that is a name");
    let links = Links::new(|_| PageLinks {
        acknowledge: Some("https://example.com/acknowledge".to_owned()),
        open: Some("https://example.com/incident".to_owned()),
    });
    let new = Remembered::default();
    let known = known_after_all(settings, audience, &links);
    for delivery in trial::every_kind(&name, audience) {
        for remembered in [&new, &known] {
            let Some((name, operation)) =
                settings.definition.operation(&delivery.message, remembered, audience)
            else {
                continue;
            };
            for (tried, links) in
                [(Tried::Never, &links), (Tried::Never, &Links::default()), (Tried::Perhaps, &links)]
            {
                let told = carry_out(settings, operation, &delivery, &mut remembered.clone(), tried, links);
                if let Err((step, why)) = told
                    && problems.iter().all(|problem| problem.operation != name)
                {
                    problems.push(Rehearsed { operation: name, step, why });
                }
            }
        }
    }
    if let (Some(operation), Some(delivery)) = (
        settings.definition.operations.get(&OperationName::Test),
        trial::every_kind(&name, audience).into_iter().next(),
    ) && let Err((step, why)) =
        carry_out(settings, operation, &delivery, &mut Remembered::default(), Tried::Never, &Links::default())
    {
        problems.push(Rehearsed { operation: OperationName::Test, step, why });
    }
    problems
}

/// What is remembered of an incident there once each kind of message was taken.
fn known_after_all(settings: &HttpSettings, audience: Audience, links: &Links) -> Remembered {
    let mut known = Remembered { opened: true, ..Remembered::default() };
    let name = SinkName::new("trial").expect("a fixed text that is a name");
    for delivery in trial::every_kind(&name, audience) {
        let mut new = Remembered::default();
        if let Some((_, operation)) = settings.definition.operation(&delivery.message, &new, audience)
            && carry_out(settings, operation, &delivery, &mut new, Tried::Never, links).is_ok()
        {
            known.values.extend(new.values);
        }
    }
    known
}

/// What would be sent for `delivery`; `remembered` learns what would be remembered.
///
/// # Errors
/// Where a template fails, in words.
pub(in crate::sinks) fn simulate(
    settings: &HttpSettings,
    audience: Audience,
    delivery: &Delivery,
    remembered: &mut Remembered,
    links: &Links,
) -> Result<Vec<Rendered>, String> {
    match settings.definition.operation(&delivery.message, remembered, audience) {
        None => Ok(Vec::new()),
        Some((_, operation)) => carry_out(settings, operation, delivery, remembered, Tried::Never, links)
            .map_err(|(step, why)| format!("step {step}: {why}")),
    }
}

fn carry_out(
    settings: &HttpSettings,
    operation: &Operation,
    delivery: &Delivery,
    remembered: &mut Remembered,
    tried: Tried,
    links: &Links,
) -> Result<Vec<Rendered>, (usize, String)> {
    let definition = &settings.definition;
    let values =
        Values { settings: shown(settings), components: &settings.components, maps: &definition.maps, links };
    let mut limits = Limits::WIDEST;
    'narrower: loop {
        let mut now = remembered.clone();
        let mut facts = Facts::new(delivery, &now, tried, &values, &limits).map_err(|why| (0, why))?;
        let mut requests = Vec::new();
        for (at, step) in operation.steps.iter().enumerate() {
            let failed = |why: String| (at + 1, why);
            for item in each(step, &facts).map_err(failed)? {
                facts = facts.with("item", item.unwrap_or(minijinja::Value::from(())));
                let holds = step.when.as_ref().map_or(Ok(true), |when| when.holds(&facts));
                if !holds.map_err(|why| failed(format!("`when`: {why}")))? {
                    continue;
                }
                let request = Rendered::new(definition, step, &facts).map_err(failed)?;
                if let Some(narrower) =
                    limits.halved().filter(|_| definition.most_bytes < request.body_bytes())
                {
                    limits = narrower;
                    continue 'narrower;
                }
                if step.method != "GET" {
                    requests.push(request);
                    for (name, _) in &step.capture {
                        let name = name.text(&facts).map_err(failed)?;
                        let value = format!("{name}-of-{}", delivery.incident);
                        now.values.entry(name).or_insert(value);
                    }
                    facts = facts.with_json("captured", json!(now.values));
                }
            }
        }
        *remembered = now;
        return Ok(requests);
    }
}

fn shown(settings: &HttpSettings) -> Map<String, Json> {
    let value = |value: &SettingValue| match value {
        SettingValue::Plain(value) => value.clone(),
        SettingValue::Secret(_) => json!("****"),
    };
    settings.values.iter().map(|(name, known)| (name.clone(), value(known))).collect()
}
