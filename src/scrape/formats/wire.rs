//! The wire format of protobuf, as far as metrics need it.
//!
//! In:   the bytes of a message.
//! Out:  its fields one by one, borrowed; or that they are cut off or malformed.
//! Not:  it knows no schema and allocates nothing.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// A number of variable length: integers, enums.
    Varint(u64),
    /// Eight bytes: a double.
    Fixed64(u64),
    /// Four bytes, which no field of metrics has.
    Fixed32,
    /// A text, a message or packed numbers.
    Bytes(&'a [u8]),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Walks along the fields of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and what it holds; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        let field = match key & 7 {
            _ if number == 0 => return Err(Malformed),
            0 => Field::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
                self.rest = rest;
                Field::Fixed64(u64::from_le_bytes(*bytes))
            }
            2 => Field::Bytes(self.delimited()?),
            5 => {
                self.rest = self.rest.get(4..).ok_or(Malformed)?;
                Field::Fixed32
            }
            // Groups went out of use before metrics had protobuf.
            _ => return Err(Malformed),
        };
        Ok(Some((number, field)))
    }

    /// A message with its length before it; `None` at the end.
    #[inline]
    pub(super) fn next_delimited(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.is_empty() { Ok(None) } else { self.delimited().map(Some) }
    }

    /// A number without a key before it; `None` at the end.
    #[inline]
    pub(super) fn next_packed(&mut self) -> Result<Option<u64>, Malformed> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    #[inline]
    fn delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        // Nearly all are of one byte.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for (place, byte) in self.rest.iter().enumerate().take(10) {
            // The tenth byte has room for one bit.
            if place == 9 && 1 < *byte {
                return Err(Malformed);
            }
            number |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.rest = &self.rest[place + 1..];
                return Ok(number);
            }
        }
        Err(Malformed)
    }
}

/// A signed number that is written in zigzag.
#[inline]
pub(super) fn zigzag(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_one_by_one() {
        let bytes = [
            &[0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x19][..],
            &1.5f64.to_le_bytes(),
            &[0x25, 1, 2, 3, 4],
        ];
        let bytes = bytes.concat();
        let mut fields = Fields::new(&bytes);
        assert_eq!(fields.next(), Ok(Some((1, Field::Varint(150)))));
        assert_eq!(fields.next(), Ok(Some((2, Field::Bytes(b"hi")))));
        assert_eq!(fields.next(), Ok(Some((3, Field::Fixed64(1.5f64.to_bits())))));
        assert_eq!(fields.next(), Ok(Some((4, Field::Fixed32))));
        assert_eq!(fields.next(), Ok(None));
    }

    #[test]
    fn what_is_cut_off_or_malformed_is_refused() {
        let long = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
        for bytes in
            [&[0x08][..], &[0x08, 0x80], &[0x12, 2, b'h'], &[0x19, 0], &[0x25, 0], &[0x0b], &[0x00, 0], &long]
        {
            assert_eq!(Fields::new(bytes).next(), Err(Malformed), "{bytes:?}");
        }
        let most = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
        assert_eq!(Fields::new(&most).next(), Ok(Some((1, Field::Varint(u64::MAX)))));
    }

    #[test]
    fn zigzag_goes_back_and_forth() {
        let numbers: Vec<i64> = [0, 1, 2, 3, u64::MAX - 1, u64::MAX].into_iter().map(zigzag).collect();
        assert_eq!(numbers, [0, -1, 1, -2, i64::MAX, i64::MIN]);
    }
}
