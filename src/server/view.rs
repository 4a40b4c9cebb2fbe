//! What our own API shows: the types that are sent, made from what the rooms remember.

mod alert;
mod causes;
mod deliveries;
mod incident;
mod rules;
mod said;
mod sink;
mod target;

use crate::model::Timestamp;

pub use alert::AlertView;
pub use causes::ChangeView;
pub use deliveries::{DeliveryDetail, DeliveryView};
pub use incident::{EventView, IncidentView};
pub use rules::GroupView;
pub use sink::SinkState;
pub use target::{TargetView, health};

/// RFC 3339 in UTC.
type Time = String;

fn time(at: Timestamp) -> Time {
    at.to_rfc3339()
}
