//! The links of a page: they work from a phone without a login, for a while, for one incident only.
//!
//! In:   a key that only this daemon knows; an incident, a sink, a moment.
//! Out:  an address that says all of it, signed (HMAC-SHA256); the same again once somebody opens it.
//! Not:  nothing is kept of links that were given out: the signature is what makes them good. A key that is thrown away
//!       (`links.key` in the data directory) takes all of them with it.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::delivery::Delivery;
use crate::model::{IncidentId, SinkName, Timestamp};
use crate::sinks::{Links, PageLinks};

const FILE: &str = "links.key";
const KEY_BYTES: usize = 32;

/// Signs links and knows its own again.
#[derive(Clone)]
pub struct LinkKey(Hmac<Sha256>);

/// What a link is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The incident that may be read and acknowledged.
    pub incident: IncidentId,
    /// The sink that the page went to: who acknowledges is known by it.
    pub sink: SinkName,
    /// Until when.
    pub until: Timestamp,
}

/// Why a link is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// It was not made by this daemon, or was changed.
    #[error("this link is not one of ours; perhaps a part of it is missing")]
    Forged,
    /// It was good once.
    #[error("this link has expired; a later page has a new one")]
    Expired,
}

impl LinkKey {
    /// The key in `data_dir`; a new one where there is none.
    ///
    /// # Errors
    /// Where it can be neither read nor written.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let mut key = Vec::new();
        match File::open(&path) {
            Ok(file) => drop(file.take(KEY_BYTES as u64 + 1).read_to_end(&mut key)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if key.len() != KEY_BYTES {
            key = fresh()?;
            // Written beside and renamed: a process that is killed meanwhile leaves no half of a key.
            let beside = path.with_extension("key.new");
            let mut file =
                fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&key)?;
            file.sync_all()?;
            fs::rename(beside, path)?;
        }
        Ok(Self::new(&key))
    }

    /// From the bytes of a key.
    pub fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// The links of pages, under the address at which people reach us.
    pub fn links(&self, external_url: &str, valid_for: Duration) -> Links {
        let (key, base) = (self.clone(), external_url.to_owned());
        Links::new(move |delivery: &Delivery| {
            if delivery.incident == IncidentId::NONE {
                return PageLinks::default();
            }
            // From the delivery's own time, so that each attempt says the same.
            let ticket = Ticket {
                incident: delivery.incident,
                sink: delivery.sink.clone(),
                until: delivery.created_at + valid_for,
            };
            let path = key.write(&ticket);
            let (acknowledge, open) =
                (format!("{base}/go/acknowledge/{path}"), format!("{base}/go/open/{path}"));
            PageLinks { acknowledge: Some(acknowledge), open: Some(open) }
        })
    }

    /// The end of a link's address.
    pub fn write(&self, ticket: &Ticket) -> String {
        let said = format!("{}~{}~{}", ticket.incident.0, ticket.until.as_millis() / 1000, ticket.sink);
        let mut mac = self.0.clone();
        mac.update(said.as_bytes());
        format!("{said}~{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// What the end of an address is good for at `now`.
    ///
    /// # Errors
    /// Where it is not ours, or not good any more.
    pub fn read(&self, path: &str, now: Timestamp) -> Result<Ticket, BadLink> {
        let (said, signature) = path.rsplit_once('~').ok_or(BadLink::Forged)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| BadLink::Forged)?;
        let mut mac = self.0.clone();
        mac.update(said.as_bytes());
        mac.verify_slice(&signature).map_err(|_| BadLink::Forged)?;
        let ticket = parse(said).ok_or(BadLink::Forged)?;
        if ticket.until <= now { Err(BadLink::Expired) } else { Ok(ticket) }
    }
}

fn parse(said: &str) -> Option<Ticket> {
    let mut parts = said.splitn(3, '~');
    let incident = IncidentId(parts.next()?.parse().ok()?);
    let until = Timestamp::from_secs(parts.next()?.parse().ok()?);
    Some(Ticket { incident, until, sink: SinkName::new(parts.next()?).ok()? })
}

fn fresh() -> io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_BYTES];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut key).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::samples::{at, sink};

    fn ticket() -> Ticket {
        Ticket { incident: IncidentId(7), sink: sink("ops_phone.1"), until: at(3600) }
    }

    #[test]
    fn a_link_is_good_until_it_expires() {
        let key = LinkKey::new(b"key");
        let path = key.write(&ticket());
        assert_eq!(key.read(&path, at(0)), Ok(ticket()));
        assert_eq!(key.read(&path, at(3600)), Err(BadLink::Expired));
        assert!(path.bytes().all(|b| b.is_ascii_alphanumeric() || b"~-_.".contains(&b)), "{path}");
    }

    #[test]
    fn whatever_was_changed_is_not_ours() {
        let key = LinkKey::new(b"key");
        let path = key.write(&ticket());
        assert_eq!(LinkKey::new(b"other").read(&path, at(0)), Err(BadLink::Forged));
        assert_eq!(key.read(&path.replacen('7', "8", 1), at(0)), Err(BadLink::Forged));
        for end in 0..path.len() {
            assert_eq!(key.read(&path[..end], at(0)), Err(BadLink::Forged), "{end}");
        }
    }

    #[test]
    fn the_key_stays_the_same_and_is_nobodys_business() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = LinkKey::open(folder.path()).expect("a key").write(&ticket());
        assert!(LinkKey::open(folder.path()).expect("a key").read(&path, at(0)).is_ok());
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
        fs::write(&file, "half").expect("it is written");
        assert!(LinkKey::open(folder.path()).expect("a key").read(&path, at(0)).is_err());
    }
}
