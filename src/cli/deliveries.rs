//! `fogsignal deliveries …`: what became of messages, and what to do about those that did not arrive.
//!
//! In:   which messages; the daemon's answers.
//! Out:  a line for each message; the API's error where something was refused.
//! Not:  whether a message may be sent again is for the daemon to say.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::cli::client::{Refusal, Speaker};
use crate::cli::{FAILED, UNUSABLE, WELL, show};
use crate::model::SinkName;
use crate::server::ask::{DeliveryName, IncidentName};

/// So many dead ones are retried in one go; the daemon shows no more.
const AT_A_TIME: usize = 1000;

/// Looks at messages to sinks, and decides about those that did not arrive.
#[derive(Debug, Args)]
pub struct DeliveriesArguments {
    #[command(subcommand)]
    command: DeliveriesCommand,
    #[command(flatten)]
    speaker: Speaker,
}

/// What to do about messages.
#[derive(Debug, Clone, PartialEq, Subcommand)]
enum DeliveriesCommand {
    /// Lists messages, the newest first.
    List(ListArguments),
    /// Shows one with every attempt.
    Show {
        /// The message's id, such as D-5.
        id: DeliveryName,
        /// Prints what the API answers.
        #[arg(long)]
        json: bool,
    },
    /// Sends dead messages again.
    Retry {
        /// The messages' ids, such as D-5.
        #[arg(required_unless_present = "all_dead", conflicts_with = "all_dead")]
        ids: Vec<DeliveryName>,
        /// All that are dead, in their order.
        #[arg(long)]
        all_dead: bool,
        /// Those to this sink only.
        #[arg(long, requires = "all_dead", conflicts_with = "ids", value_parser = SinkName::new)]
        sink: Option<SinkName>,
    },
    /// Gives messages up that wait.
    Drop {
        /// The messages' ids, such as D-5.
        #[arg(required = true)]
        ids: Vec<DeliveryName>,
    },
}

#[derive(Debug, Clone, PartialEq, Args)]
struct ListArguments {
    /// Those that will never arrive.
    #[arg(long, conflicts_with_all = ["waiting", "fate"])]
    dead: bool,
    /// Those that are not done yet.
    #[arg(long, conflicts_with = "fate")]
    waiting: bool,
    /// Those of which this became.
    #[arg(long, value_enum)]
    fate: Option<FateWord>,
    /// Those to this sink.
    #[arg(long, value_parser = SinkName::new)]
    sink: Option<SinkName>,
    /// Those about this incident, such as INC-1.
    #[arg(long)]
    incident: Option<IncidentName>,
    /// No more than so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Prints what the API answers.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FateWord {
    /// Not sent yet, or to be tried again.
    Waiting,
    /// The sink took it.
    Delivered,
    /// A later message stands for it.
    Superseded,
    /// It will never arrive.
    Dead,
}

impl FateWord {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
        }
    }
}

impl ListArguments {
    fn path(&self) -> String {
        let word = |wanted: bool, word| wanted.then_some(word);
        let fate = self.fate.or(word(self.dead, FateWord::Dead)).or(word(self.waiting, FateWord::Waiting));
        let path = "deliveries?";
        let mut query = form_urlencoded::Serializer::for_suffix(path.to_owned(), path.len());
        query.append_pair("limit", &self.limit.to_string());
        let rest = [
            ("fate", fate.map(|fate| fate.as_str().to_owned())),
            ("sink", self.sink.as_ref().map(ToString::to_string)),
            ("incident", self.incident.map(String::from)),
        ];
        for (name, value) in rest {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }
}

/// Does what is asked.
pub fn deliveries(arguments: DeliveriesArguments) -> anyhow::Result<ExitCode> {
    let DeliveriesArguments { command, speaker } = arguments;
    match command {
        DeliveriesCommand::List(list) => {
            let answer = speaker.get(&list.path())?;
            match list.json {
                true => println!("{}", serde_json::to_string_pretty(&answer)?),
                false => print!("{}", show::deliveries(&answer)),
            }
        }
        DeliveriesCommand::Show { id, json } => {
            let answer = speaker.get(&format!("deliveries/{}", id.0.0))?;
            match json {
                true => println!("{}", serde_json::to_string_pretty(&answer)?),
                false => print!("{}", show::delivery(&answer)),
            }
        }
        DeliveriesCommand::Retry { ids, all_dead: false, .. } => {
            return decide(&speaker, "retry", &ids, Overtaken::IsAnError);
        }
        DeliveriesCommand::Retry { sink, .. } => {
            let ids = all_dead(&speaker, sink)?;
            if ids.is_empty() {
                println!("no message is dead");
                return Ok(ExitCode::from(WELL));
            }
            return decide(&speaker, "retry", &ids, Overtaken::IsLeft);
        }
        DeliveriesCommand::Drop { ids } => {
            return decide(&speaker, "drop", &ids, Overtaken::IsAnError);
        }
    }
    Ok(ExitCode::from(WELL))
}

/// The dead messages that are worth sending again, the oldest first.
fn all_dead(speaker: &Speaker, sink: Option<SinkName>) -> anyhow::Result<Vec<DeliveryName>> {
    let list = ListArguments {
        dead: true,
        waiting: false,
        fate: None,
        sink,
        incident: None,
        limit: AT_A_TIME as u32,
        json: false,
    };
    let (kept, left) = worth_retrying(&speaker.get(&list.path())?);
    left.iter().for_each(|line| println!("{line}"));
    Ok(kept)
}

/// Of the posts about an incident to a sink only the last says what is so now; the others would be stale.
fn worth_retrying(newest_first: &Value) -> (Vec<DeliveryName>, Vec<String>) {
    let (mut kept, mut left, mut posts) = (Vec::new(), Vec::new(), BTreeSet::new());
    for delivery in newest_first["deliveries"].as_array().into_iter().flatten() {
        let Some(id) = delivery["id"].as_u64() else { continue };
        let about = (delivery["sink"].to_string(), delivery["incident"].to_string());
        match delivery["kind"] == "post" && !posts.insert(about) {
            true => left.push(format!("D-{id} is left: a later post says what is so now")),
            false => kept.extend(format!("D-{id}").parse::<DeliveryName>()),
        }
    }
    kept.reverse();
    left.reverse();
    (kept, left)
}

/// What a message is that the daemon will not send, since what came later stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overtaken {
    /// Somebody asked for this very one.
    IsAnError,
    /// Somebody asked for all that are worth it.
    IsLeft,
}

/// Tells the daemon for each; what is refused does not keep the others.
fn decide(
    speaker: &Speaker,
    what: &str,
    ids: &[DeliveryName],
    overtaken: Overtaken,
) -> anyhow::Result<ExitCode> {
    let by = match speaker.name() {
        Ok(by) => by,
        Err(why) => {
            eprintln!("error: {why}");
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let mut code = WELL;
    for id in ids {
        match speaker.post(&format!("deliveries/{}/{what}", id.0.0), &json!({ "by": by })) {
            Ok(answer) => print!("{}", show::deliveries(&json!({ "deliveries": [answer["delivery"]] }))),
            Err(error) if overtaken == Overtaken::IsLeft && is_conflict(&error) => println!("left: {error}"),
            Err(error) => {
                eprintln!("error: {error:#}");
                code = FAILED;
            }
        }
    }
    Ok(ExitCode::from(code))
}

fn is_conflict(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.status == 409)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Arguments;
    use crate::model::DeliveryId;

    fn parse(line: &str) -> Result<DeliveriesCommand, clap::Error> {
        match Arguments::try_parse_from(line.split_whitespace())?.command {
            crate::cli::Command::Deliveries(arguments) => Ok(arguments.command),
            other => panic!("{other:?} is no command about deliveries"),
        }
    }

    #[test]
    fn a_list_asks_for_what_is_wanted() {
        let path = |line: &str| match parse(&format!("fogsignal deliveries list {line}")) {
            Ok(DeliveriesCommand::List(list)) => list.path(),
            other => panic!("{other:?}"),
        };
        assert_eq!(path(""), "deliveries?limit=100");
        assert_eq!(
            path("--dead --sink ops.1 --incident 7 --limit 5"),
            "deliveries?limit=5&fate=dead&sink=ops.1&incident=INC-7"
        );
        assert_eq!(path("--waiting"), "deliveries?limit=100&fate=waiting");
        assert_eq!(path("--fate superseded"), "deliveries?limit=100&fate=superseded");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in [
            "",
            "list --dead --waiting",
            "list --dead --fate dead",
            "list --limit 0",
            "retry",
            "retry D-1 --all-dead",
            "retry D-1 --sink ops",
            "retry --sink ops",
            "retry --all-dead --sink a/b",
            "retry INC-1",
            "drop",
        ] {
            let error = parse(&format!("fogsignal deliveries {wrong}")).expect_err(wrong);
            assert_eq!(error.exit_code(), 2, "{wrong}: {error}");
        }
        let ids = vec![DeliveryName(DeliveryId(5)), DeliveryName(DeliveryId(6))];
        assert_eq!(parse("fogsignal deliveries drop D-5 6").unwrap(), DeliveriesCommand::Drop { ids });
    }

    #[test]
    fn of_dead_posts_only_the_last_is_retried() {
        let one = |id: u64, kind: &str, incident: &str, sink: &str| json!({"id": id, "kind": kind, "incident": incident, "sink": sink});
        let (kept, left) = worth_retrying(&json!({"deliveries": [
            one(6, "post", "INC-1", "page"), one(5, "page", "INC-1", "ops"), one(4, "page", "INC-1", "ops"),
            one(3, "post", "INC-2", "page"), one(2, "post", "INC-1", "feed"), one(1, "post", "INC-1", "page"),
        ]}));
        let kept: Vec<u64> = kept.into_iter().map(|name| name.0.0).collect();
        assert_eq!(kept, [2, 3, 4, 5, 6]);
        assert_eq!(left, ["D-1 is left: a later post says what is so now"]);
    }
}
