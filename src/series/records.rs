//! Contents one behind the other, so that what was torn or damaged is told from what is whole.
//!
//! In:   contents, as bytes; or what reads such bytes again.
//! Out:  records to append to a file; or the contents, one at a time, up to where one is not whole.
//!
//! A record is the length of its content and its CRC-32, four bytes each with the lowest first, and the content.

use std::io::{self, Read};

use flate2::Crc;

const HEAD_BYTES: usize = 8;

/// Appends a record with `content` to `to`.
pub(super) fn append(content: &[u8], to: &mut Vec<u8>) {
    // A page or a target of four gigabytes is far beyond all limits.
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&checksum(content));
    to.extend_from_slice(content);
}

/// Reads records, and holds one of them at a time.
#[derive(Debug)]
pub(super) struct Records<R> {
    from: R,
    content: Vec<u8>,
    whole_bytes: u64,
}

impl<R: Read> Records<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, content: Vec::new(), whole_bytes: 0 }
    }

    /// The content of the next record; `None` at the end and before what is no whole record.
    pub(super) fn read_next(&mut self) -> io::Result<Option<&[u8]>> {
        let mut head = [0; HEAD_BYTES];
        match self.from.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [a, b, c, d, checksum_wanted @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        self.content.clear();
        // A length that is damaged takes no memory for what is not there.
        let read = self.from.by_ref().take(u64::from(length)).read_to_end(&mut self.content)?;
        if read as u64 != u64::from(length) || checksum(&self.content) != checksum_wanted {
            return Ok(None);
        }
        self.whole_bytes += (HEAD_BYTES + read) as u64;
        Ok(Some(&self.content))
    }

    /// How many bytes the records take that were read so far.
    pub(super) fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }
}

fn checksum(content: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum().to_le_bytes()
}
