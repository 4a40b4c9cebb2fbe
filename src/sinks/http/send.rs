//! Carries an operation out: its steps, one after the other, until one does not work.
//!
//! In:   one attempt.
//! Out:  what it came to.
//! Not:  a step that may be repeated is; what must not be comes last in a definition, or is looked for first.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::delivery::{Audience, Delivery, Message, Outcome, Rate, Remembered, SinkNews};
use crate::model::{SinkName, Timestamp};
use crate::outbox::{BoxFuture, Sending, Sink};
use crate::sinks::body::{Limits, Links};
use crate::sinks::settings::{HttpSettings, SettingValue};
use crate::sinks::webhook::read;
use crate::sinks::wire::{Answer, Secrets, Wire, address};

use super::definition::{Find, LostAnswer, Operation, OperationName, Step, Verdicts};
use super::facts::{Facts, Values};
use super::render::Rendered;

/// An answer may be this long to be read as JSON: a list of what is open there.
const ANSWER_READ_BYTES: usize = 1 << 20;

/// A sink of an adapter that a definition describes.
pub(in crate::sinks) struct HttpSink {
    name: SinkName,
    audience: Audience,
    settings: HttpSettings,
    links: Links,
    wire: Wire,
}

/// Where an operation stands.
struct Progress {
    facts: Facts,
    limits: Limits,
    remembered: Remembered,
    note: String,
}

/// What an operation works with from its first step to its last.
struct Attempt<'a> {
    sending: Sending<'a>,
    values: Map<String, Json>,
    secrets: Secrets,
}

/// How a step ends that does not end the operation.
enum Next {
    /// The next one.
    Step,
    /// Nothing is left to do: an earlier attempt was taken.
    Done(Option<String>),
}

impl HttpSink {
    pub(in crate::sinks) fn new(
        name: SinkName,
        audience: Audience,
        settings: HttpSettings,
        links: Links,
    ) -> Result<Self, String> {
        let wire = Wire::new(settings.timeout)?;
        Ok(Self { name, audience, settings, links, wire })
    }

    async fn attempt(&self, sending: Sending<'_>) -> Outcome {
        let Delivery { message, .. } = sending.delivery;
        match self.settings.definition.operation(message, sending.remembered, self.audience) {
            Some((_, operation)) => self.carry_out(operation, sending).await,
            None => Outcome::delivered("nothing is said of this there"),
        }
    }

    async fn carry_out(&self, operation: &Operation, sending: Sending<'_>) -> Outcome {
        let (values, secrets) = match self.values().await {
            Ok(values) => values,
            // A secret may be put right while we run.
            Err(why) => return Outcome::retry(why),
        };
        let attempt = Attempt { sending, values, secrets };
        match self.steps(operation, &attempt).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }

    fn facts(&self, attempt: &Attempt<'_>, limits: &Limits) -> Result<Facts, Outcome> {
        let Sending { delivery, remembered, tried, .. } = attempt.sending;
        let facts = Facts::new(delivery, remembered, tried, &self.with(&attempt.values), limits);
        facts.map_err(|why| Outcome::GiveUp { why })
    }

    async fn steps(&self, operation: &Operation, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
        let limits = Limits::WIDEST;
        let mut progress = Progress {
            facts: self.facts(attempt, &limits)?,
            limits,
            remembered: attempt.sending.remembered.clone(),
            note: String::new(),
        };
        for step in &operation.steps {
            for item in each(step, &progress.facts).map_err(|why| attempt.give_up(&why))? {
                progress.facts = progress.facts.with("item", item.unwrap_or(minijinja::Value::from(())));
                match self.step(step, &mut progress, attempt).await {
                    Ok(Next::Step) => {}
                    Ok(Next::Done(id)) => {
                        let note = match &id {
                            Some(id) => format!("it was there already, as {id}"),
                            None => "it was there already".to_owned(),
                        };
                        let news = id.map(|id| SinkNews::Adopted { id });
                        return Ok(Outcome::Delivered {
                            answer: note,
                            remember: Some(progress.remembered),
                            news,
                        });
                    }
                    Err(Outcome::GiveUp { why }) if step.optional => {
                        tracing::warn!(
                            sink = %self.name,
                            delivery = attempt.sending.delivery.key,
                            why,
                            "a part of a message was not taken, the rest goes on"
                        );
                    }
                    Err(outcome) => return Err(outcome),
                }
            }
        }
        Ok(Outcome::Delivered { answer: progress.note, remember: Some(progress.remembered), news: None })
    }

    async fn step(
        &self,
        step: &Step,
        progress: &mut Progress,
        attempt: &Attempt<'_>,
    ) -> Result<Next, Outcome> {
        let definition = &self.settings.definition;
        let holds = step.when.as_ref().map_or(Ok(true), |when| when.holds(&progress.facts));
        if !holds.map_err(|why| attempt.give_up(&format!("`when`: {why}")))? {
            return Ok(Next::Step);
        }
        let rendered = self.fitting(step, progress, attempt)?;
        let request = rendered.request().map_err(|why| attempt.give_up(&why))?;
        let mut secrets = attempt.secrets.clone();
        secrets.add_url(&request.url);
        rendered.computed_headers(definition, step).for_each(|value| {
            secrets.add(value);
            // `Bearer` and the like are no secret.
            value.split(' ').skip(1).for_each(|word| secrets.add(word));
        });
        attempt.sending.pace.turn().await;
        let answer = self.wire.ask(request, ANSWER_READ_BYTES, attempt.sending.now).await;
        let answer = answer.map_err(|why| Outcome::retry(secrets.blot_out(&why)))?;
        take_in(step, definition.lost_answer, progress, &answer, &secrets)
    }

    /// The step's request, with texts so short that its body is not too long. Steps before it are not made again.
    fn fitting(
        &self,
        step: &Step,
        progress: &mut Progress,
        attempt: &Attempt<'_>,
    ) -> Result<Rendered, Outcome> {
        let definition = &self.settings.definition;
        loop {
            let rendered = Rendered::new(definition, step, &progress.facts);
            let rendered = rendered.map_err(|why| attempt.give_up(&why))?;
            if rendered.body_bytes() <= definition.most_bytes {
                return Ok(rendered);
            }
            let Some(narrower) = progress.limits.halved() else {
                let why = format!("it has more than {} bytes whatever is left out", definition.most_bytes);
                return Err(Outcome::GiveUp { why });
            };
            progress.limits = narrower;
            progress.facts = progress.facts.narrowed(self.facts(attempt, &narrower)?);
        }
    }

    fn with<'a>(&'a self, settings: &Map<String, Json>) -> Values<'a> {
        Values {
            settings: settings.clone(),
            components: &self.settings.components,
            maps: &self.settings.definition.maps,
            links: &self.links,
        }
    }

    /// The settings with their secrets as they are now.
    async fn values(&self) -> Result<(Map<String, Json>, Secrets), String> {
        let (mut values, mut secrets) = (Map::new(), Secrets::default());
        for (name, value) in &self.settings.values {
            let value = match value {
                SettingValue::Plain(value) => value.clone(),
                SettingValue::Secret(source) => {
                    let secret =
                        read(source).await.map_err(|error| format!("`{name}` cannot be read: {error}"))?;
                    secrets.add(secret.expose());
                    // Of an address that is a secret as a whole, receivers like to repeat a part.
                    if let Ok(url) = address(&secret) {
                        secrets.add_all(Secrets::of_url(&url));
                    }
                    json!(secret.expose())
                }
            };
            values.insert(name.clone(), value);
        }
        Ok((values, secrets))
    }
}

impl Attempt<'_> {
    fn give_up(&self, why: &str) -> Outcome {
        Outcome::GiveUp { why: self.secrets.blot_out(why) }
    }
}

/// Once for each item, or once.
pub(super) fn each(step: &Step, facts: &Facts) -> Result<Vec<Option<minijinja::Value>>, String> {
    match &step.each {
        None => Ok(vec![None]),
        Some(list) => {
            let items = list.items(facts).map_err(|error| format!("`each`: {error}"))?;
            Ok(items.into_iter().map(Some).collect())
        }
    }
}

/// What an answer means, and what is remembered of it.
fn take_in(
    step: &Step,
    lost_answer: LostAnswer,
    progress: &mut Progress,
    answer: &Answer,
    secrets: &Secrets,
) -> Result<Next, Outcome> {
    let json = serde_json::from_str::<Json>(&answer.text);
    let is_json = json.is_ok();
    progress.facts = progress
        .facts
        .with_json("answer", json.unwrap_or_else(|_| json!(answer.text)))
        .with_json("status_code", json!(answer.status.as_u16()));
    judge(&step.verdicts, &progress.facts, answer, secrets)?;
    progress.note = answer.note(secrets);
    let unclear = |what: &str, why: &str| {
        let cut = if answer.whole { "" } else { "; the answer is not whole" };
        Outcome::retry(secrets.blot_out(&format!("`{what}`: {why}{cut}")))
    };
    let mut unread = None;
    if let Some(find) = &step.find {
        match found(find, &progress.facts) {
            _ if !is_json => unread = Some(unclear("find", "the answer is no JSON")),
            Ok(found) => {
                progress.facts = progress.facts.with("found", found.unwrap_or(minijinja::Value::from(())))
            }
            Err(why) => unread = Some(unclear("find", &why)),
        }
    }
    if let Some(stand_down) = &step.stand_down
        && stand_down.when.holds(&progress.facts).unwrap_or(false)
    {
        let what = stand_down.what.text(&progress.facts).unwrap_or_else(|why| why);
        return Err(Outcome::StandDown { what: secrets.blot_out(&what) });
    }
    // Whether it is there must be known before it is created once more.
    if let Some(unread) = unread {
        return Err(unread);
    }
    for (name, value) in &step.capture {
        match name.text(&progress.facts).and_then(|name| Ok((name, value.value(&progress.facts)?))) {
            Ok((name, Some(value))) if !value.is_null() => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                progress.remembered.values.insert(name, text);
            }
            Ok(_) => {}
            // It was taken, and what later messages need of its answer is not there.
            Err(why) if lost_answer == LostAnswer::Visible => {
                tracing::error!(
                    what = "capture",
                    why = secrets.blot_out(&why),
                    "an answer was not understood"
                );
            }
            // The next attempt finds it there.
            Err(why) => return Err(unclear("capture", &why)),
        }
    }
    progress.facts = progress.facts.with_json("captured", json!(progress.remembered.values));
    if let Some((condition, id)) = &step.done_if {
        match condition.holds(&progress.facts) {
            _ if !is_json => return Err(unclear("done_if", "the answer is no JSON")),
            Ok(true) => {
                let id = id.as_ref().and_then(|id| id.text(&progress.facts).ok()).filter(|id| !id.is_empty());
                return Ok(Next::Done(id));
            }
            Ok(false) => {}
            Err(why) => return Err(unclear("done_if", &why)),
        }
    }
    Ok(Next::Step)
}

fn found(find: &Find, facts: &Facts) -> Result<Option<minijinja::Value>, String> {
    for item in find.among.items(facts)? {
        if find.matching.holds(&facts.with("item", item.clone()))? {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

fn judge(verdicts: &Verdicts, facts: &Facts, answer: &Answer, secrets: &Secrets) -> Result<(), Outcome> {
    let code = answer.status.as_u16();
    let success = match verdicts.success.is_empty() {
        true => answer.status.is_success(),
        false => verdicts.success.contains(&code),
    };
    let holds = |condition: &super::Condition| condition.holds(facts).unwrap_or(false);
    if success && verdicts.ok_if.as_ref().is_none_or(holds) {
        return Ok(());
    }
    let said = verdicts.why.as_ref().and_then(|why| why.text(facts).ok());
    let said = said.map(|why| why.trim().to_owned()).filter(|why| !why.is_empty());
    let why = match said {
        Some(said) => secrets.blot_out(&format!("answered {code}: {said}")),
        None => answer.why(secrets),
    };
    let may_heal = match (verdicts.give_up.contains(&code), verdicts.retry.contains(&code)) {
        (true, _) => false,
        (false, true) => true,
        (false, false) => answer.may_heal() || verdicts.retry_if.as_ref().is_some_and(holds),
    };
    let said = || {
        let seconds = verdicts.wait.as_ref()?.value(facts).ok()??.as_f64()?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    Err(match may_heal {
        true => Outcome::Retry { why, wait: answer.wait.or_else(said) },
        false => Outcome::GiveUp { why },
    })
}

impl Sink for HttpSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn send<'a>(&'a self, sending: Sending<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(sending))
    }

    fn rate(&self) -> Option<Rate> {
        self.settings.rate
    }

    fn test<'a>(&'a self, trial: &'a Delivery, now: Timestamp) -> BoxFuture<'a, Outcome> {
        let sending = Sending::once(trial, now);
        match self.settings.definition.operations.get(&OperationName::Test) {
            Some(operation) => Box::pin(self.carry_out(operation, sending)),
            None if matches!(trial.message, Message::Page(_)) => self.send(sending),
            None => Box::pin(std::future::ready(Outcome::GiveUp {
                why: "its adapter has no `test` that customers would not see".to_owned(),
            })),
        }
    }
}
