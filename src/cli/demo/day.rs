//! The day that the demo lives through: what was measured when, as formulas.
//!
//! In:   a moment of 2023-02-01 in São Paulo.
//! Out:  the values of every series of the simulated platform at that moment.
//! Not:  no randomness and no clock: the same moment has the same values in every run.
//!
//! A gauge is a curve with a little noise on it. A counter is the exact integral of a rate that is linear between
//! corners, so that what `rate` makes of it fits the curve, however the samples fall.

use std::time::Duration;

use crate::model::Timestamp;
use crate::replay;

/// 10:30:00 on that morning, at -03:00.
const START_SECS: i64 = 1_675_258_200;
const START_OF_DAY_SECS: i64 = START_SECS - (10 * 3600 + 30 * 60);

/// The moment `hour:minute:second` of the day, at -03:00.
pub const fn moment(hour: i64, minute: i64, second: i64) -> Timestamp {
    Timestamp::from_secs(START_OF_DAY_SECS + hour * 3600 + minute * 60 + second)
}

/// When the demo begins.
pub const START: Timestamp = moment(10, 30, 0);
/// When the database's CPU crosses every threshold at once.
pub const OVERLOADED: Timestamp = moment(11, 10, 0);
/// When its CPU is first measured below 60 %: the end of what customers feel.
pub const RECOVERED: Timestamp = moment(12, 45, 0);
/// When the queue of Analytics is first below 1,000 again.
pub const DRAINED: Timestamp = moment(20, 0, 0);
/// When the day is over.
pub const END: Timestamp = moment(20, 30, 0);

/// When more than 50,000 requests wait for Analytics.
pub const BACKLOGGED: Timestamp = moment(12, 42, 27);
/// When the CPU is high once more, for a minute and a half.
pub const RELAPSED: Timestamp = RELAPSE.0;

const STOPPED: Timestamp = moment(12, 30, 0);
const RESTARTED: Timestamp = moment(14, 45, 0);
const FASTER: Timestamp = moment(17, 0, 0);
const RELAPSE: (Timestamp, Timestamp) = (moment(13, 5, 0), moment(13, 6, 30));
const CRM_SILENT: (Timestamp, Timestamp) = (moment(12, 0, 0), moment(12, 4, 0));
const ERRORS_FROM: Timestamp = moment(11, 10, 30);
const ERRORS_FALLEN: Timestamp = moment(12, 44, 0);

/// What people did and what rolled out, as the day's chronicle tells it.
pub const CHRONICLE: [(Timestamp, &str); 6] = [
    (moment(10, 50, 0), "a new version of Desk rolls out (it has nothing to do with what follows)"),
    (OVERLOADED, "the consumers, changed last night at 22:00, overload the user database"),
    (STOPPED, "people switch off the consumers of the failing application; requests for Analytics queue up"),
    (moment(12, 40, 0), "people scale the database up"),
    (moment(14, 30, 0), "people roll back last night's change"),
    (RESTARTED, "people start the consumers again; the queue of Analytics begins to drain"),
];

/// CPU of the user database, in percent.
pub fn database_cpu(at: Timestamp) -> f64 {
    let noise = |seed| noise(seed, at);
    if at < OVERLOADED {
        31.0 + 2.0 * noise(1)
    } else if at < STOPPED {
        97.0 + noise(2)
    } else if at < RECOVERED {
        between((STOPPED, 97.0), (RECOVERED, 60.0), at)
    } else if RELAPSE.0 <= at && at <= RELAPSE.1 {
        96.0
    } else {
        45.0 + noise(3)
    }
}

/// How many of the CRM's answers are errors, 0 to 1.
pub fn error_share(at: Timestamp) -> f64 {
    if at < ERRORS_FROM {
        0.002
    } else if at < STOPPED {
        0.12
    } else if at < ERRORS_FALLEN {
        between((STOPPED, 0.12), (ERRORS_FALLEN, 0.01), at)
    } else {
        0.002
    }
}

/// How many requests wait for Analytics.
pub fn queue_depth(at: Timestamp) -> f64 {
    let stopped_at = 200.0;
    let peak = stopped_at + 4000.0 * minutes(STOPPED, RESTARTED);
    let bend = peak - 1200.0 * minutes(RESTARTED, FASTER);
    let usual = 200.0 + 50.0 * noise(4, at);
    let depth = if at < STOPPED {
        usual
    } else if at < RESTARTED {
        between((STOPPED, stopped_at), (RESTARTED, peak), at)
    } else if at < FASTER {
        between((RESTARTED, peak), (FASTER, bend), at) * (1.0 + 0.01 * noise(5, at))
    } else {
        // 985 and not 1,000, so that noise cannot hold the first moment above it.
        let line = between((FASTER, bend), (DRAINED, 985.0), at) * (1.0 + 0.01 * noise(5, at));
        line.max(usual)
    };
    depth.round()
}

/// Whether the CRM's exporter answers.
pub fn crm_answers(at: Timestamp) -> bool {
    at < CRM_SILENT.0 || CRM_SILENT.1 <= at
}

/// How many consumers of the CRM run.
pub fn consumers_running(at: Timestamp) -> u32 {
    if STOPPED <= at && at < RESTARTED { 0 } else { 12 }
}

/// The version of the consumers: last night's change until it is rolled back.
pub fn consumers_version(at: Timestamp) -> &'static str {
    if at < CHRONICLE[4].0 { "7.4.0" } else { "7.3.2" }
}

/// The version of Desk.
pub fn desk_version(at: Timestamp) -> &'static str {
    if at < CHRONICLE[0].0 { "2023.5" } else { "2023.6" }
}

/// How many agents talk to customers in Desk.
pub fn desk_agents(at: Timestamp) -> f64 {
    (240.0 + 15.0 * noise(6, at)).round()
}

/// How many conversations smart contact holds.
pub fn conversations(at: Timestamp) -> f64 {
    (5200.0 * (1.0 - 2.0 * error_share(at)) + 120.0 * noise(7, at)).round()
}

/// The clients of the database, with the seconds of CPU that each has used since the database started.
pub fn cpu_seconds_by_client(at: Timestamp) -> [(&'static str, f64); 5] {
    let consumers = integral(&consumers_cores(), at);
    let others = integral(&all_cores(), at) - consumers;
    let share = |weight: f64| 900_000.0 * weight + others * weight;
    [
        ("crm-consumers", 400_000.0 + consumers),
        ("crm", share(0.46)),
        ("desk", share(0.22)),
        ("smart-contact", share(0.2)),
        ("analytics", share(0.12)),
    ]
}

/// The CRM's answers since it started, by status code.
pub fn crm_answers_by_code(at: Timestamp) -> [(&'static str, f64); 4] {
    let errors = integral(&error_rate(), at);
    let all = REQUESTS_A_SECOND * at.since(START).as_secs_f64();
    let not_found = 0.01 * all;
    [
        ("200", (90_000_000.0 + all - not_found - errors).floor()),
        ("404", (900_000.0 + not_found).floor()),
        ("500", (60_000.0 + 0.3 * errors).floor()),
        ("503", (120_000.0 + 0.7 * errors).floor()),
    ]
}

const REQUESTS_A_SECOND: f64 = 400.0;
const CORES: f64 = 16.0;
/// Of what the CPU rises above its usual 31 %, the consumers make this part.
const CONSUMERS_PART_OF_RISE: f64 = 0.87;

/// A rate with corners; linear between them, constant before the first and after the last. Two corners at one
/// moment are a jump.
type Curve = Vec<(Timestamp, f64)>;

fn cores(percent: f64) -> f64 {
    CORES * percent / 100.0
}

/// Cores in use by all clients: `database_cpu` without its noise.
fn all_cores() -> Curve {
    vec![
        (OVERLOADED, cores(31.0)),
        (OVERLOADED, cores(97.0)),
        (STOPPED, cores(97.0)),
        (RECOVERED, cores(60.0)),
        (RECOVERED, cores(45.0)),
        (RELAPSE.0, cores(45.0)),
        (RELAPSE.0, cores(96.0)),
        (RELAPSE.1, cores(96.0)),
        (RELAPSE.1, cores(45.0)),
    ]
}

/// Cores in use by the consumers: a third before, most of the rise, none once they are stopped.
fn consumers_cores() -> Curve {
    let usual = cores(31.0) / 3.0;
    let risen = usual + CONSUMERS_PART_OF_RISE * cores(97.0 - 31.0);
    let relapse = CONSUMERS_PART_OF_RISE * cores(96.0 - 45.0);
    vec![
        (OVERLOADED, usual),
        (OVERLOADED, risen),
        (STOPPED, risen),
        (RECOVERED, 0.0),
        (RELAPSE.0, 0.0),
        (RELAPSE.0, relapse),
        (RELAPSE.1, relapse),
        (RELAPSE.1, 0.0),
        (RESTARTED, 0.0),
        (RESTARTED, 2.0 * usual),
    ]
}

fn error_rate() -> Curve {
    let usual = REQUESTS_A_SECOND * error_share(START);
    vec![
        (ERRORS_FROM, usual),
        (ERRORS_FROM, REQUESTS_A_SECOND * 0.12),
        (STOPPED, REQUESTS_A_SECOND * 0.12),
        (ERRORS_FALLEN, REQUESTS_A_SECOND * 0.01),
        (ERRORS_FALLEN, usual),
    ]
}

/// The area under `curve` from the start of the demo until `at`.
fn integral(curve: &Curve, at: Timestamp) -> f64 {
    let (Some(first), Some(last)) = (curve.first(), curve.last()) else { return 0.0 };
    let mut corners = vec![(START, first.1)];
    corners.extend(curve);
    corners.push((END.max(at), last.1));
    corners
        .windows(2)
        .map(|pair| {
            let until = pair[1].0.min(at);
            if until <= pair[0].0 {
                return 0.0;
            }
            let height = f64::midpoint(pair[0].1, between(pair[0], pair[1], until));
            height * until.since(pair[0].0).as_secs_f64()
        })
        .sum()
}

/// The value at `at` on the line through two points.
fn between(from: (Timestamp, f64), to: (Timestamp, f64), at: Timestamp) -> f64 {
    let length = (to.0.as_millis() - from.0.as_millis()) as f64;
    let gone = (at.as_millis() - from.0.as_millis()) as f64;
    from.1 + (to.1 - from.1) * gone / length
}

fn minutes(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).as_secs_f64() / 60.0
}

/// The noise of scenarios; it changes every 5 s.
fn noise(seed: u64, at: Timestamp) -> f64 {
    let tick = at.floor_to(Duration::from_secs(5)).as_millis().unsigned_abs() / 5000;
    replay::noise(seed, tick)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 15 s of the day, as the daemon sees it, for each way in which scrapes may fall.
    fn samples() -> impl Iterator<Item = Timestamp> {
        let steps = END.since(START).as_secs() / 15;
        (0..15u64).flat_map(move |offset| {
            (0..steps).map(move |step| START + Duration::from_secs(step * 15 + offset))
        })
    }

    #[test]
    fn the_day_begins_when_the_chronicle_says() {
        assert_eq!(START.to_rfc3339(), "2023-02-01T13:30:00.000Z");
        assert_eq!(OVERLOADED.to_rfc3339_in(chrono_tz::America::Sao_Paulo), "2023-02-01T11:10:00-03:00");
    }

    #[test]
    fn the_database_does_what_it_did() {
        for at in samples() {
            let cpu = database_cpu(at);
            let (low, high) = if at < OVERLOADED {
                (29.0, 33.0)
            } else if at < STOPPED {
                (96.0, 98.0)
            } else if at < RECOVERED {
                (60.0, 97.0)
            } else if RELAPSE.0 <= at && at <= RELAPSE.1 {
                (96.0, 96.0)
            } else {
                (44.0, 46.0)
            };
            assert!((low..=high).contains(&cpu), "{at}: {cpu}");
        }
    }

    #[test]
    fn the_queue_is_first_below_a_thousand_when_the_chronicle_says() {
        for at in samples() {
            let depth = queue_depth(at);
            assert_eq!(depth < 1000.0, at < moment(12, 30, 12) || DRAINED <= at, "{at}: {depth}");
        }
        assert!(queue_depth(moment(12, 46, 59)) > 50_000.0);
        assert!(queue_depth(moment(14, 45, 0)) > 500_000.0);
    }

    #[test]
    fn counters_never_fall() {
        let mut at = START;
        let mut before = (cpu_seconds_by_client(at), crm_answers_by_code(at));
        while at < END {
            at = at + Duration::from_secs(7);
            let now = (cpu_seconds_by_client(at), crm_answers_by_code(at));
            assert!(before.0.iter().zip(&now.0).all(|(a, b)| a.1 <= b.1), "{at}: {now:?}");
            assert!(before.1.iter().zip(&now.1).all(|(a, b)| a.1 <= b.1), "{at}: {now:?}");
            before = now;
        }
    }

    #[test]
    fn the_consumers_make_most_of_the_rise() {
        let rates = |at: Timestamp| {
            let (from, to) = (cpu_seconds_by_client(at), cpu_seconds_by_client(at + Duration::from_secs(60)));
            let rise: Vec<f64> = from.iter().zip(&to).map(|(a, b)| (b.1 - a.1) / 60.0).collect();
            rise
        };
        let (usual, high) = (rates(moment(11, 0, 0)), rates(moment(11, 20, 0)));
        let rise: Vec<f64> = usual.iter().zip(&high).map(|(a, b)| b - a).collect();
        assert!((rise[0] / rise.iter().sum::<f64>() - 0.87).abs() < 1e-6, "{rise:?}");
        // All clients together are the CPU that the gauge shows: 97 % of 16 cores.
        assert!((high.iter().sum::<f64>() - 15.52).abs() < 1e-6, "{high:?}");
    }

    #[test]
    fn the_rate_of_errors_fits_the_share() {
        let share = |at: Timestamp| {
            let (from, to) = (crm_answers_by_code(at), crm_answers_by_code(at + Duration::from_secs(60)));
            let rise: Vec<f64> = from.iter().zip(&to).map(|(a, b)| b.1 - a.1).collect();
            (rise[2] + rise[3]) / rise.iter().sum::<f64>()
        };
        assert!((share(moment(11, 0, 0)) - 0.002).abs() < 1e-3);
        assert!((share(moment(11, 30, 0)) - 0.12).abs() < 1e-3);
        assert!(share(moment(12, 44, 0)) < 0.01);
        assert!(!crm_answers(moment(12, 0, 0)) && crm_answers(moment(12, 4, 0)));
    }
}
