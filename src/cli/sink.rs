//! `fogsignal sink list|test`: the sinks of a configuration, and whether a message gets through to one.
//!
//! In:   a configuration; for `list` also a daemon, where one answers.
//! Out:  a line for each sink; what came of a message that is labelled as a test.
//! Not:  a test is in no journal and is tried once.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::client::Speaker;
use crate::cli::{FAILED, UNUSABLE, WELL, check};
use crate::config::{self, Config, Sources};
use crate::daemon::SystemClock;
use crate::delivery::{Audience, Outcome};
use crate::model::{Clock, SinkName, suggest};
use crate::outbox::Sink;
use crate::sinks::{self, Links, SinkSettings};

/// Looks at the sinks of a configuration, and tries one.
#[derive(Debug, Args)]
pub struct SinkArguments {
    #[command(subcommand)]
    command: SinkCommand,
    /// The configuration.
    #[arg(
        long = "config.file",
        visible_alias = "config",
        value_name = "FILE",
        default_value = "fogsignal.yml",
        global = true
    )]
    config_file: PathBuf,
}

#[derive(Debug, Subcommand)]
enum SinkCommand {
    /// Lists the sinks; with the state of each where a daemon answers.
    List(Speaker),
    /// Sends a message that is labelled as a test.
    Test {
        /// The sink.
        name: String,
    },
}

/// Does what is asked.
pub fn sink(arguments: SinkArguments) -> anyhow::Result<ExitCode> {
    let sources = Sources {
        file: arguments.config_file,
        environment: std::env::vars().collect(),
        overrides: Vec::new(),
    };
    let config = match config::load(&sources) {
        Ok((config, warnings)) => {
            check::print(&warnings);
            config
        }
        Err(problems) => {
            check::print(&problems);
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    match arguments.command {
        SinkCommand::List(speaker) => {
            // Without a daemon the configuration is known all the same.
            let states = speaker.get("sinks").unwrap_or_default();
            print!("{}", list(&config.sinks, &states));
            Ok(ExitCode::from(WELL))
        }
        SinkCommand::Test { name } => test(&config, &name),
    }
}

fn list(sinks: &[SinkSettings], states: &Value) -> String {
    let line = |sink: &SinkSettings| {
        let audience = match sink.audience {
            Audience::Customers => "customers",
            Audience::Responders => "responders",
        };
        let mut line = format!("{:<20} {:<12} {audience:<10}", sink.name.as_str(), sink.adapter.name());
        if let Some(fallback) = &sink.fallback {
            line.push_str(&format!(" fallback {fallback}"));
        }
        let running = states["sinks"].as_array().into_iter().flatten();
        let state = running.into_iter().find(|state| state["name"] == sink.name.as_str());
        if let Some(circuit) = state.and_then(|state| state["circuit"].as_str()) {
            line.push_str(&format!(" circuit {circuit}"));
        }
        format!("{}\n", line.trim_end())
    };
    match sinks {
        [] => "no sinks\n".to_owned(),
        sinks => sinks.iter().map(line).collect(),
    }
}

fn test(config: &Config, name: &str) -> anyhow::Result<ExitCode> {
    let Some(settings) = config.sinks.iter().find(|sink| sink.name.as_str() == name) else {
        let hint = suggest::hint(name, config.sinks.iter().map(|sink| sink.name.as_str()));
        let hint = hint.map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        eprintln!("error: there is no sink `{name}`{hint}");
        return Ok(ExitCode::from(UNUSABLE));
    };
    crate::daemon::install_tls_provider();
    // A test is about no incident, so it has no links.
    let sink = sinks::build(settings, &Links::default()).map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a thread for the message")?;
    let outcome = runtime.block_on(try_it(&sink, &settings.name, settings.audience));
    let (code, said) = told(&settings.name, &outcome);
    match code {
        WELL => println!("{said}"),
        _ => eprintln!("error: {said}"),
    }
    Ok(ExitCode::from(code))
}

async fn try_it(sink: &Arc<dyn Sink>, name: &SinkName, audience: Audience) -> Outcome {
    let now = SystemClock.now();
    sink.test(&sinks::trial(name, audience, now), now).await
}

/// What came of it: an exit code, and words.
fn told(name: &SinkName, outcome: &Outcome) -> (u8, String) {
    match outcome {
        Outcome::Delivered { answer, .. } if answer.is_empty() => (WELL, format!("{name} took it")),
        Outcome::Delivered { answer, .. } => (WELL, format!("{name} took it: {answer}")),
        Outcome::Retry { why, .. } => {
            (FAILED, format!("{name} did not take it: {why}; a real message would be tried again"))
        }
        Outcome::GiveUp { why } => {
            (FAILED, format!("{name} did not take it: {why}; a real message would not be tried again"))
        }
        Outcome::StandDown { what } => (FAILED, format!("{name} was left alone: {what}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sinks::Adapter;

    fn name(text: &str) -> SinkName {
        SinkName::new(text).expect("a name")
    }

    fn settings(text: &str, fallback: Option<&str>) -> SinkSettings {
        SinkSettings {
            name: name(text),
            audience: Audience::Responders,
            adapter: Adapter::Stdout,
            expires_after: None,
            fallback: fallback.map(name),
            inbound: None,
        }
    }

    #[test]
    fn a_list_says_what_is_known_of_each() {
        let sinks = [settings("ops", Some("sms")), settings("sms", None)];
        let states = json!({"sinks": [{"name": "ops", "circuit": "open"}]});
        let expected = "ops                  stdout       responders fallback sms circuit open
sms                  stdout       responders
";
        assert_eq!(list(&sinks, &states), expected);
        assert_eq!(list(&[], &Value::Null), "no sinks\n");
    }

    #[test]
    fn what_came_of_a_test_is_said() {
        let ops = name("ops");
        assert_eq!(told(&ops, &Outcome::delivered("")), (0, "ops took it".to_owned()));
        assert_eq!(told(&ops, &Outcome::delivered("ok")), (0, "ops took it: ok".to_owned()));
        let (code, said) = told(&ops, &Outcome::retry("answered 500"));
        assert!(code == 1 && said.contains("answered 500; a real message would be tried again"), "{said}");
        let (code, said) = told(&ops, &Outcome::GiveUp { why: "answered 410".to_owned() });
        assert!(code == 1 && said.contains("would not be tried again"), "{said}");
    }
}
