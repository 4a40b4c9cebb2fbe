//! Carries an operation out: its steps, one after the other, until one does not work.
//!
//! In:   one attempt.
//! Out:  what it came to.
//! Not:  a step that may be repeated is; what must not be comes last in a definition, or is looked for first.

use serde_json::{Map, Value as Json, json};

use crate::delivery::{Audience, Delivery, Message, Outcome, Rate, Remembered, SinkNews};
use crate::model::{SinkName, Timestamp};
use crate::outbox::{BoxFuture, Sending, Sink};
use crate::sinks::body::{Limits, Links};
use crate::sinks::settings::{HttpSettings, SettingValue};
use crate::sinks::webhook::read;
use crate::sinks::wire::{Answer, Secrets, Wire};

use super::definition::{Operation, OperationName, Step, Verdicts};
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
    remembered: Remembered,
    note: String,
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
        let mut limits = Limits::WIDEST;
        loop {
            let facts =
                Facts::new(sending.delivery, sending.remembered, sending.tried, &self.with(&values), &limits);
            let facts = match facts {
                Ok(facts) => facts,
                Err(why) => return Outcome::GiveUp { why },
            };
            let remembered = sending.remembered.clone();
            let progress = Progress { facts, remembered, note: String::new() };
            match (self.steps(operation, progress, sending, &secrets).await, limits.halved()) {
                (Err(TooLong), Some(narrower)) => limits = narrower,
                (Err(TooLong), None) => {
                    let why = format!(
                        "it has more than {} bytes whatever is left out",
                        self.settings.definition.most_bytes
                    );
                    return Outcome::GiveUp { why };
                }
                (Ok(outcome), _) => return outcome,
            }
        }
    }

    /// All steps. A body that is too long ends them before its request is made.
    async fn steps(
        &self,
        operation: &Operation,
        mut progress: Progress,
        sending: Sending<'_>,
        secrets: &Secrets,
    ) -> Result<Outcome, TooLong> {
        for step in &operation.steps {
            let items = match each(step, &progress.facts) {
                Ok(items) => items,
                Err(why) => return Ok(Outcome::GiveUp { why }),
            };
            for item in items {
                if let Some(item) = item {
                    progress.facts = progress.facts.with("item", item);
                }
                match self.step(step, &mut progress, sending, secrets).await? {
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
                        tracing::warn!(sink = %self.name, delivery = sending.delivery.key, why, "a part of a message was not taken, the rest goes on");
                    }
                    Err(outcome) => return Ok(outcome),
                }
            }
        }
        Ok(Outcome::Delivered { answer: progress.note, remember: Some(progress.remembered), news: None })
    }

    async fn step(
        &self,
        step: &Step,
        progress: &mut Progress,
        sending: Sending<'_>,
        secrets: &Secrets,
    ) -> Result<Result<Next, Outcome>, TooLong> {
        let definition = &self.settings.definition;
        let give_up = |why: String| Ok(Err(Outcome::GiveUp { why: secrets.blot_out(&why) }));
        match step.when.as_ref().map_or(Ok(true), |when| when.holds(&progress.facts)) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(Next::Step)),
            Err(why) => return give_up(format!("`when`: {why}")),
        }
        let rendered = match Rendered::new(definition, step, &progress.facts) {
            Ok(rendered) => rendered,
            Err(why) => return give_up(why),
        };
        if definition.most_bytes < rendered.body_bytes() {
            return Err(TooLong);
        }
        let request = match rendered.request() {
            Ok(request) => request,
            Err(why) => return give_up(why),
        };
        let mut secrets = secrets.clone();
        secrets.add_url(&request.url);
        sending.pace.turn().await;
        let answer = match self.wire.ask(request, ANSWER_READ_BYTES, sending.now).await {
            Ok(answer) => answer,
            Err(why) => return Ok(Err(Outcome::retry(secrets.blot_out(&why)))),
        };
        Ok(take_in(step, progress, &answer, &secrets))
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
                    json!(secret.expose())
                }
            };
            values.insert(name.clone(), value);
        }
        Ok((values, secrets))
    }
}

/// The body is longer than the foreign system takes.
struct TooLong;

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
    progress: &mut Progress,
    answer: &Answer,
    secrets: &Secrets,
) -> Result<Next, Outcome> {
    let json: Json = serde_json::from_str(&answer.text).unwrap_or_else(|_| json!(answer.text));
    progress.facts =
        progress.facts.with_json("answer", json).with_json("status_code", json!(answer.status.as_u16()));
    judge(&step.verdicts, &progress.facts, answer, secrets)?;
    progress.note = answer.note(secrets);
    let template_failed = |what: &str, why: String| {
        // It was taken, and its answer is not what the definition expects: to send it again would say it twice.
        tracing::error!(what, why = secrets.blot_out(&why), "an answer was not understood");
    };
    if let Some(find) = &step.find {
        let found = find.among.items(&progress.facts).and_then(|items| {
            for item in items {
                if find.matching.holds(&progress.facts.with("item", item.clone()))? {
                    return Ok(Some(item));
                }
            }
            Ok(None)
        });
        match found {
            Ok(found) => {
                progress.facts = progress.facts.with("found", found.unwrap_or(minijinja::Value::from(())))
            }
            // Whether it is there must be known before it is created once more.
            Err(why) => {
                let cut = if answer.whole { "" } else { " (the answer is too long)" };
                return Err(Outcome::retry(secrets.blot_out(&format!("`find`: {why}{cut}"))));
            }
        }
    }
    if let Some(stand_down) = &step.stand_down
        && stand_down.when.holds(&progress.facts).unwrap_or(false)
    {
        let what = stand_down.what.text(&progress.facts).unwrap_or_else(|why| why);
        return Err(Outcome::StandDown { what: secrets.blot_out(&what) });
    }
    for (name, value) in &step.capture {
        match name.text(&progress.facts).and_then(|name| Ok((name, value.value(&progress.facts)?))) {
            Ok((name, Some(value))) if !value.is_null() => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                progress.remembered.values.insert(name, text);
            }
            Ok(_) => {}
            Err(why) => template_failed("capture", why),
        }
    }
    progress.facts = progress.facts.with_json("captured", json!(progress.remembered.values));
    if let Some((condition, id)) = &step.done_if {
        match condition.holds(&progress.facts) {
            Ok(true) => {
                let id = id.as_ref().and_then(|id| id.text(&progress.facts).ok()).filter(|id| !id.is_empty());
                return Ok(Next::Done(id));
            }
            Ok(false) => {}
            Err(why) => return Err(Outcome::retry(secrets.blot_out(&format!("`done_if`: {why}")))),
        }
    }
    Ok(Next::Step)
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
    let said = verdicts.why.as_ref().and_then(|why| why.text(facts).ok()).filter(|why| !why.is_empty());
    let why = match said {
        Some(said) => secrets.blot_out(&format!("answered {code}: {said}")),
        None => answer.why(secrets),
    };
    let may_heal = match (verdicts.give_up.contains(&code), verdicts.retry.contains(&code)) {
        (true, _) => false,
        (false, true) => true,
        (false, false) => answer.may_heal() || verdicts.retry_if.as_ref().is_some_and(holds),
    };
    Err(match may_heal {
        true => Outcome::Retry { why, wait: answer.wait },
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
