//! Times of a scenario: read in its zone, and said again in the shortest way that reads back.
//!
//! In:   `09:30`, `09:30:15`, `2026-03-02 09:30`, `1m30s` from the start.
//! Out:  moments, to the second or better.

use std::time::Duration;

use chrono::{LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::model::{Timestamp, format_duration, parse_duration, suggest};

use super::words::{Word, Words, Wrong};

const FORMS: &str = "write a time as `09:30`, `09:30:15`, `2026-03-02 09:30`, or `1m30s` from the start";

/// When a scenario begins, and the zone of its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// When it begins.
    pub start: Timestamp,
    /// Its zone.
    pub zone: Tz,
}

impl Calendar {
    /// Reads `DATE TIME ZONE`.
    ///
    /// # Errors
    /// Where one of them is none.
    pub fn read(words: &mut Words<'_>) -> Result<Self, Wrong> {
        let date = words.expect("the date of the start")?;
        let day = day_of(&date.text).ok_or_else(|| {
            words.problem(date.span, format!("`{}` is no date", date.text)).hint("write `2026-03-01`")
        })?;
        let time = words.expect("the time of the start")?;
        let time_of_day = time_of(&time.text).ok_or_else(|| {
            words.problem(time.span, format!("`{}` is no time", time.text)).hint("write `09:00`")
        })?;
        let zone = words.expect("the zone of all times, such as `Europe/Berlin`")?;
        let known: Result<Tz, _> = zone.text.parse();
        let tz = known.map_err(|_| unknown_zone(words, &zone))?;
        let start = at(tz, day.and_time(time_of_day)).ok_or_else(|| {
            words.problem(time.span, format!("there is no `{} {}` in that zone", date.text, time.text))
        })?;
        Ok(Self { start, zone: tz })
    }

    /// Reads a time.
    ///
    /// # Errors
    /// Where the next words are none.
    pub fn expect(&self, words: &mut Words<'_>, what: &str) -> Result<Timestamp, Wrong> {
        let word = words.expect(what)?;
        if let Some(day) = day_of(&word.text) {
            let time = words.expect("a time after the date")?;
            let wrong = || words.problem(time.span, format!("`{}` is no time of day", time.text)).hint(FORMS);
            let at = time_of(&time.text).and_then(|time| at(self.zone, day.and_time(time)));
            return at.ok_or_else(wrong);
        }
        self.read_word(&word.text).ok_or_else(|| {
            words.problem(word.span, format!("expected {what}, found `{}`", word.text)).hint(FORMS)
        })
    }

    /// Reads a time that is one word: of the day of the start, or of the next day where that has passed.
    pub fn read_word(&self, text: &str) -> Option<Timestamp> {
        if let Some(time) = time_of(text) {
            let first = self.start.in_zone(self.zone)?.naive_local();
            let day = if time < first.time() { first.date().succ_opt()? } else { first.date() };
            return at(self.zone, day.and_time(time));
        }
        Some(self.start + parse_duration(text).ok()?)
    }

    /// Says a moment, cut to the second, so that it reads back.
    pub fn say(&self, at: Timestamp) -> String {
        let at = at.floor_to(Duration::from_secs(1));
        let Some(local) = at.in_zone(self.zone) else { return at.to_rfc3339() };
        let time = local.format("%H:%M:%S").to_string();
        let short = time.strip_suffix(":00").unwrap_or(&time).to_owned();
        if self.read_word(&short) == Some(at) {
            return short;
        }
        let dated = format!("{} {short}", local.format("%Y-%m-%d"));
        // In the hour that a clock set back repeats, only the distance from the start tells the two apart.
        match self::at(self.zone, local.naive_local()) == Some(at) || at < self.start {
            true => dated,
            false => format_duration(at.since(self.start)),
        }
    }

    /// A moment as `HH:MM` in the zone, for the words of an answer.
    pub fn minute(&self, at: Timestamp) -> String {
        let Some(local) = at.in_zone(self.zone) else { return at.to_rfc3339() };
        local.format(if at.as_millis() % 60_000 == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
    }
}

fn unknown_zone(words: &Words<'_>, zone: &Word) -> Wrong {
    let problem = words.problem(zone.span, format!("`{}` is no time zone", zone.text));
    let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    problem.hint(
        suggest::meant(&zone.text, known)
            .unwrap_or_else(|| "write one such as `Europe/Berlin` or `UTC`".to_owned()),
    )
}

fn day_of(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

fn time_of(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S", "%H:%M:%S%.3f"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

/// The first of the moments that a clock on the wall shows so; one that it leaps over is taken an hour later.
fn at(zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
    let found = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at,
        LocalResult::None => {
            zone.from_local_datetime(&local.checked_add_signed(TimeDelta::hours(1))?).earliest()?
        }
    };
    Some(found.to_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(day: &str, time: &str, zone: &str) -> Calendar {
        let zone: Tz = zone.parse().unwrap();
        let start = at(zone, day_of(day).unwrap().and_time(time_of(time).unwrap())).unwrap();
        Calendar { start, zone }
    }

    #[test]
    fn what_is_said_reads_back() {
        let calendar = calendar("2026-03-01", "09:00", "Europe/Berlin");
        let check = |after: u64, text: &str| {
            let at = calendar.start + Duration::from_secs(after);
            assert_eq!(calendar.say(at), text);
        };
        check(0, "09:00");
        check(90, "09:01:30");
        check(23 * 3600, "08:00");
        check(24 * 3600, "2026-03-02 09:00");
        assert_eq!(calendar.read_word("1m30s"), Some(calendar.start + Duration::from_secs(90)));
        assert_eq!(calendar.read_word("08:00"), Some(calendar.start + Duration::from_secs(23 * 3600)));
        assert_eq!(calendar.read_word("8 o'clock"), None);
        let before = calendar.start - Duration::from_secs(3600);
        assert_eq!(calendar.say(before), "2026-03-01 08:00");
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_apart() {
        let calendar = calendar("2026-10-25", "01:00", "Europe/Berlin");
        let after = |minutes: u64| calendar.say(calendar.start + Duration::from_secs(minutes * 60));
        assert_eq!(after(90), "02:30");
        assert_eq!(after(150), "2h30m");
        assert_eq!(after(210), "03:30");
    }
}
