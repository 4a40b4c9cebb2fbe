//! Whether the demo told the story that `fogsignal replay` tells of the same day.
//!
//! In:   what the receiver got; the day as a scenario.
//! Out:  the same turns in the same order, or the first that differs.
//! Not:  times may differ by an interval: the demo's targets are scraped in their own phase.

use std::path::Path;

use crate::incidents::{PageReason, Status};
use crate::replay;

use super::message::Message;
use super::receiver::Received;

const DAY: &str = include_str!("../../../tests/scenarios/crm-degradation.scn");

/// The turns of a day: what the public was told the status is, and why responders were told something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Story {
    statuses: Vec<Status>,
    pages: Vec<PageReason>,
}

impl Story {
    /// As the receiver heard it.
    pub fn received(received: &[Received]) -> Self {
        let mut story = Self::default();
        for one in received {
            match &one.message {
                Message::Post(post) => story.status(post.status),
                Message::Page(page) => story.page(page.reason),
            }
        }
        story
    }

    /// As the replay of the day tells it.
    ///
    /// # Errors
    /// Where the scenario cannot be lived through.
    pub fn replayed() -> Result<Self, String> {
        let told = |error| replay::problems_of(error).to_string();
        let scenario = replay::parse(Path::new("crm-degradation.scn"), DAY)
            .map_err(|problems| told(replay::RunError::Unusable(problems)))?;
        let record = replay::run(&scenario).map_err(told)?;
        let mut story = Self::default();
        for incident in &record.incidents {
            let statuses = incident.posts.iter().map(|post| post.item.status);
            statuses.for_each(|status| story.status(status));
            let reasons = incident.pages.iter().map(|page| page.item.reason);
            reasons.for_each(|reason| story.page(reason));
        }
        Ok(story)
    }

    /// Where the two part; `None` where they are the same.
    pub fn differs_from(&self, other: &Self) -> Option<String> {
        let said =
            |story: &Self| story.statuses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if self.statuses != other.statuses {
            return Some(format!("the posts say {}, those of the replay {}", said(self), said(other)));
        }
        (self.pages != other.pages)
            .then(|| format!("the pages say {:?}, those of the replay {:?}", self.pages, other.pages))
    }

    fn status(&mut self, status: Status) {
        if self.statuses.last() != Some(&status) {
            self.statuses.push(status);
        }
    }

    /// How often nobody acknowledged depends on the policy, which is shorter in the demo.
    fn page(&mut self, reason: PageReason) {
        if reason != PageReason::NotAcknowledged {
            self.pages.push(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scorecard::tests::a_good_day;
    use super::*;

    #[test]
    fn the_replay_tells_of_one_relapse_and_the_drain() {
        use Status::{Investigating, Monitoring, Resolved};
        let story = Story::replayed().expect("the scenario can be lived through");
        assert_eq!(story.statuses, [Investigating, Monitoring, Investigating, Monitoring, Resolved]);
        assert_eq!(story.pages.first(), Some(&PageReason::Opened));
        assert_eq!(story.pages.last(), Some(&PageReason::Resolved));
        assert_eq!(story.differs_from(&story), None);
    }

    #[test]
    fn a_story_without_its_end_is_another() {
        let day = a_good_day();
        let (whole, cut) = (Story::received(&day), Story::received(&day[..day.len() - 1]));
        assert!(cut.differs_from(&whole).expect("they part").contains("the posts say"));
    }
}
