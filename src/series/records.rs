//! Contents one behind the other, so that what was torn or damaged is told from what is whole.
//!
//! In:   contents, as bytes; or what reads such bytes again.
//! Out:  records to append to a file; or the contents, one at a time, up to where one is not whole.
//!
//! A record is the length of its content in eight bytes, its CRC-32 in four, both with the lowest byte first, and the
//! content.

use std::io::{self, Read};

use flate2::Crc;

use crate::series::codec::Writer;

const LENGTH_BYTES: usize = 8;
const HEAD_BYTES: usize = LENGTH_BYTES + 4;

/// Appends a record with the content that `write` writes to `to`.
pub(super) fn append(to: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
    let start = to.len();
    let mut writer = Writer(std::mem::take(to));
    writer.0.extend_from_slice(&[0; HEAD_BYTES]);
    write(&mut writer);
    *to = writer.0;
    let (head, content) = to[start..].split_at_mut(HEAD_BYTES);
    head[..LENGTH_BYTES].copy_from_slice(&(content.len() as u64).to_le_bytes());
    head[LENGTH_BYTES..].copy_from_slice(&checksum(content));
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
        let [a, b, c, d, e, f, g, h, checksum_told @ ..] = head;
        let length = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        self.content.clear();
        // A length that is damaged takes no memory for what is not there.
        let read = self.from.by_ref().take(length).read_to_end(&mut self.content)? as u64;
        if read != length || checksum(&self.content) != checksum_told {
            return Ok(None);
        }
        self.whole_bytes += HEAD_BYTES as u64 + read;
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
