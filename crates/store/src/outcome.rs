//! The result of a batch as bytes, kept beside its id so that a batch found "already applied" after a lost COMMIT
//! still answers with what its statements returned.

use crate::batch::{Committed, Done};
use crate::error::StoreError;
use crate::value::{Row, Value};

/// Encodes counts and rows: lengths are 32-bit, integers 64-bit, all little-endian.
pub(crate) fn encode(committed: &Committed) -> Vec<u8> {
    let mut out = Vec::new();
    length(&mut out, committed.done.len());
    for done in &committed.done {
        out.extend(done.affected.to_le_bytes());
        length(&mut out, done.rows.len());
        for row in &done.rows {
            length(&mut out, row.values().len());
            for value in row.values() {
                match value {
                    Value::Null => out.push(0),
                    Value::I64(value) => {
                        out.push(1);
                        out.extend(value.to_le_bytes());
                    }
                    Value::F64(value) => {
                        out.push(2);
                        out.extend(value.to_le_bytes());
                    }
                    Value::Text(value) => {
                        out.push(3);
                        length(&mut out, value.len());
                        out.extend(value.as_bytes());
                    }
                    Value::Blob(value) => {
                        out.push(4);
                        length(&mut out, value.len());
                        out.extend(value);
                    }
                }
            }
        }
    }
    out
}

fn length(out: &mut Vec<u8>, length: usize) {
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Committed, StoreError> {
    read(&mut Reader(bytes)).ok_or_else(|| StoreError::Corrupt("outcome of a batch".to_owned()))
}

fn read(reader: &mut Reader<'_>) -> Option<Committed> {
    let mut done = Vec::new();
    for _ in 0..reader.length()? {
        let affected = u64::from_le_bytes(reader.array()?);
        let mut rows = Vec::new();
        for _ in 0..reader.length()? {
            let mut values = Vec::new();
            for _ in 0..reader.length()? {
                values.push(match reader.array::<1>()? {
                    [0] => Value::Null,
                    [1] => Value::I64(i64::from_le_bytes(reader.array()?)),
                    [2] => Value::F64(f64::from_le_bytes(reader.array()?)),
                    [3] => {
                        let length = reader.length()?;
                        Value::Text(String::from_utf8(reader.take(length)?.to_vec()).ok()?)
                    }
                    [4] => {
                        let length = reader.length()?;
                        Value::Blob(reader.take(length)?.to_vec())
                    }
                    _ => return None,
                });
            }
            rows.push(Row::new(values));
        }
        done.push(Done { affected, rows });
    }
    reader.0.is_empty().then_some(Committed { done })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn outcome_survives_a_round_trip_and_refuses_a_cut() {
        let committed = Committed {
            done: vec![
                Done {
                    affected: 3,
                    rows: Vec::new(),
                },
                Done {
                    affected: 1,
                    rows: vec![Row::new(vec![
                        Value::Null,
                        Value::I64(-7),
                        Value::F64(0.5),
                        Value::Text("ä".to_owned()),
                        Value::Blob(vec![0, 255]),
                    ])],
                },
            ],
        };
        let bytes = encode(&committed);
        assert_eq!(decode(&bytes).unwrap(), committed);
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
    }
}
