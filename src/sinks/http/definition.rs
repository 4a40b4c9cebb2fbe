//! What a definition says of a foreign system. docs/adapters.md is the manual for those who write one.
//!
//! In:   what `config` read and checked of a file.
//! Out:  the steps of an operation.
//! Not:  nothing of a sink: its settings come with each message.

use std::collections::BTreeMap;

use crate::delivery::{Audience, Message, PageReason, Rate, Remembered, Status};

use super::template::{Condition, Template};
use super::tree::Tree;

/// An adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its name, which sinks give as their `adapter`.
    pub name: String,
    /// What system it is for, in one line.
    pub about: String,
    /// Whether a lost answer can show a reader the same message twice.
    pub lost_answer: LostAnswer,
    /// What a sink of it may or must say.
    pub settings: BTreeMap<String, Setting>,
    /// Words of ours and what they are there: `maps.status.investigating`.
    pub maps: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    /// Headers of every request.
    pub headers: Vec<(String, Template)>,
    /// How fast it may be asked.
    pub rate: Option<Rate>,
    /// A body may be this long; texts are shortened until it is not longer.
    pub most_bytes: usize,
    /// What it can do.
    pub operations: BTreeMap<OperationName, Operation>,
}

/// Whether a message whose answer was lost can be seen twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostAnswer {
    /// The foreign system knows our key, or what is sent says the whole state.
    Impossible,
    /// What is there already is looked for, and taken for ours.
    Adopted,
    /// It is seen twice.
    Visible,
}

/// What a sink of the adapter may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What it is.
    pub about: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it is never shown, and must stand in a file or in the environment.
    pub secret: bool,
    /// What it is where a sink says nothing.
    pub default: Option<serde_json::Value>,
}

/// What is done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationName {
    /// The first post of an incident that arrives.
    Open,
    /// A later post; for responders, a word to those who were called.
    Update,
    /// The last post; for responders, the word that it is over.
    Resolve,
    /// A call to responders.
    Page,
    /// Somebody is on it.
    Acknowledge,
    /// A trial that misleads nobody.
    Test,
}

impl OperationName {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Update, Self::Resolve, Self::Page, Self::Acknowledge, Self::Test];

    /// The word that users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Update => "update",
            Self::Resolve => "resolve",
            Self::Page => "page",
            Self::Acknowledge => "acknowledge",
            Self::Test => "test",
        }
    }

    /// What `message` asks for. A post that comes first opens, whatever its number: those before it never arrived.
    pub(super) fn of(message: &Message, remembered: &Remembered) -> Self {
        match message {
            Message::Post(_) if !remembered.opened => Self::Open,
            Message::Post(post) if post.status == Status::Resolved => Self::Resolve,
            Message::Post(_) => Self::Update,
            Message::Page(page) if page.reason == PageReason::Resolved => Self::Resolve,
            Message::Page(page) if page.reason.calls() => Self::Page,
            Message::Page(_) => Self::Update,
            Message::Acknowledged { .. } => Self::Acknowledge,
        }
    }

    /// What stands in where a definition has nothing for it.
    const fn otherwise(self, audience: Audience) -> Option<Self> {
        match (self, audience) {
            (Self::Resolve, _) => Some(Self::Update),
            (Self::Update, Audience::Customers) => Some(Self::Open),
            (Self::Update, Audience::Responders) => Some(Self::Page),
            _ => None,
        }
    }
}

/// The steps of an operation, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One request, and what its answer means.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Only where this holds.
    pub when: Option<Condition>,
    /// Once for each item of this list, which the templates know as `item`.
    pub each: Option<Condition>,
    /// `GET`, `POST`, …
    pub method: String,
    /// Where to.
    pub url: Template,
    /// Headers of this request alone.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub body: Body,
    /// What answers mean.
    pub verdicts: Verdicts,
    /// What to look for in a list that was answered.
    pub find: Option<Find>,
    /// What is to be remembered of the answer, by name.
    pub capture: Vec<(Template, Template)>,
    /// The operation is done already where this holds: an earlier attempt was taken. The text is what it is called there.
    pub done_if: Option<(Condition, Option<Template>)>,
    /// A person has taken over there where this holds.
    pub stand_down: Option<StandDown>,
    /// Whether the operation goes on where this is given up.
    pub optional: bool,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Tree),
    /// As a form of a web page sends it.
    Form(Tree),
    /// A text.
    Text(Template),
}

/// What answers mean, beside what all of them mean.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdicts {
    /// It was taken; 2xx where nothing is said.
    pub success: Vec<u16>,
    /// It may be taken later, beside 408, 425, 429 and 5xx.
    pub retry: Vec<u16>,
    /// It never will be, also where it otherwise might.
    pub give_up: Vec<u16>,
    /// With a status of success it was taken only where this holds too.
    pub ok_if: Option<Condition>,
    /// Where it was not: whether it may be taken later.
    pub retry_if: Option<Condition>,
    /// Why it was not.
    pub why: Option<Template>,
    /// How many seconds to wait, where no header says it.
    pub wait: Option<Template>,
}

/// What to look for in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Find {
    /// The list.
    pub among: Condition,
    /// Which of it; it is known as `item` here, and as `found` from then on.
    pub matching: Condition,
}

/// When to leave it to people.
#[derive(Debug, Clone, PartialEq)]
pub struct StandDown {
    /// Where this holds.
    pub when: Condition,
    /// What they did.
    pub what: Template,
}

impl Definition {
    /// What is done for `message`; `None` where the adapter has nothing to do for it.
    pub(super) fn operation(
        &self,
        message: &Message,
        remembered: &Remembered,
        audience: Audience,
    ) -> Option<(OperationName, &Operation)> {
        let asked = OperationName::of(message, remembered);
        let mut next = Some(asked);
        while let Some(name) = next {
            if let Some(operation) = self.operations.get(&name) {
                return Some((asked, operation));
            }
            next = name.otherwise(audience);
        }
        None
    }

    /// Whether it can be a sink for `audience`.
    pub fn serves(&self, audience: Audience) -> bool {
        let needed = match audience {
            Audience::Customers => OperationName::Open,
            Audience::Responders => OperationName::Page,
        };
        self.operations.contains_key(&needed)
    }
}
