//! A file that describes a foreign system: `config/sinks/*.yml`.

use super::read::{At, Entries, OneOrMany, allow, section};
use super::sink::{RawRate, RawTree};
use super::words::{Bytes, Count, LostAnswerWord};

section! {
    /// How messages reach a foreign system over HTTP. docs/adapters.md is the manual.
    pub struct RawDefinition as "a definition" with at {
        /// Its name, which sinks give as their `adapter`.
        #[schemars(required)]
        adapter: At<String>,
        /// What system it is for, in one line.
        about: At<String>,
        /// Whether a lost answer can show a reader the same message twice; `visible` by default.
        lost_answer: At<LostAnswerWord>,
        /// What a sink may or must say.
        settings: Entries<RawSettingOf>,
        /// Words of ours, and what they are there: `maps.status.investigating`.
        maps: Entries<Entries<RawTree>>,
        /// Headers of every request; templates.
        headers: Entries<At<String>>,
        /// How fast it may be asked.
        rate: RawRate,
        /// A body may be this long; texts are shortened until it is not longer. 256KB by default.
        most_bytes: At<Bytes>,
        /// What it can do: `open`, `update`, `resolve`, `page`, `acknowledge`, `test`; each one step, or a list of them.
        #[schemars(required)]
        operations: Entries<OneOrMany<RawRequest>>,
    }
    unused []
    later []
}

section! {
    /// What a sink may say.
    pub struct RawSettingOf as "a setting" with at {
        /// What it is.
        about: At<String>,
        /// Whether it must be given; false by default.
        required: At<bool>,
        /// Whether it is a secret: never shown, and only from a file or the environment; false by default.
        secret: At<bool>,
        /// What it is where a sink says nothing.
        default: RawTree,
    }
    unused []
    later []
}

section! {
    /// One request, and what its answer means.
    pub struct RawRequest as "a step" with at {
        /// An expression: only where it holds.
        when: At<String>,
        /// An expression that gives a list: once for each of its items, known as `item`.
        each: At<String>,
        /// `GET`, `POST`, …; `POST` by default.
        method: At<String>,
        /// Where to; a template.
        #[schemars(required)]
        url: At<String>,
        /// Headers; templates.
        headers: Entries<At<String>>,
        /// The body as JSON, with templates for texts.
        json: RawTree,
        /// The body as a form, with templates for texts.
        form: RawTree,
        /// The body as a text; a template.
        text: At<String>,
        /// Statuses that say that it was taken; 2xx by default.
        success: OneOrMany<At<Count>>,
        /// Statuses after which it is tried again, beside 408, 425, 429 and 5xx.
        retry: OneOrMany<At<Count>>,
        /// Statuses after which it is not.
        give_up: OneOrMany<At<Count>>,
        /// An expression: with a status of success it was taken only where this holds too.
        ok_if: At<String>,
        /// An expression: where it was not taken, it is tried again where this holds.
        retry_if: At<String>,
        /// Why it was not taken; a template.
        why: At<String>,
        /// How many seconds to wait before it is tried again, where no `Retry-After` says it; a template.
        wait: At<String>,
        /// What to look for in an answer; known as `found` from then on.
        find: RawFind,
        /// What is remembered of the answer for later messages of the incident: names and templates.
        capture: Entries<At<String>>,
        /// An expression: the whole operation is done already where it holds.
        done_if: At<String>,
        /// What that which is there already is called; a template.
        adopts: At<String>,
        /// When to leave the incident to people who took it over there.
        stand_down: RawStandDown,
        /// Whether the operation goes on where this step is given up; false by default.
        optional: At<bool>,
    }
    unused []
    later []
}

section! {
    /// What to look for in a list.
    pub struct RawFind as "`find`" with at {
        /// An expression that gives the list.
        #[schemars(required)]
        among: At<String>,
        /// An expression about `item`.
        #[schemars(required)]
        matching: At<String>,
    }
    unused []
    later []
}

section! {
    /// When to leave an incident to people.
    pub struct RawStandDown as "`stand_down`" with at {
        /// An expression.
        #[schemars(required)]
        when: At<String>,
        /// What they did; a template.
        #[schemars(required)]
        what: At<String>,
    }
    unused []
    later []
}
