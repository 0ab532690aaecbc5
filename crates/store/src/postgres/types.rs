//! Between portable values and PostgreSQL's types.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::value::{Row, Value};

type Failure = Box<dyn Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (self, kind) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::I64(value), &Type::INT8) => value.to_sql(kind, out),
            (Self::I64(value), &Type::INT4) => i32::try_from(*value)?.to_sql(kind, out),
            (Self::I64(value), &Type::INT2) => i16::try_from(*value)?.to_sql(kind, out),
            (Self::I64(value), &Type::BOOL) => (*value != 0).to_sql(kind, out),
            (Self::F64(value), &Type::FLOAT8) => value.to_sql(kind, out),
            (Self::Text(value), &Type::TEXT | &Type::VARCHAR | &Type::NAME | &Type::UNKNOWN) => {
                if value.contains('\0') {
                    return Err("a text holds a NUL character".into());
                }
                value.to_sql(kind, out)
            }
            (Self::Blob(value), &Type::BYTEA) => value.to_sql(kind, out),
            _ => Err(format!("{self:?} does not fit a parameter of type {kind}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A row of the driver as a portable one.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(at)?.into(),
            Type::INT2 => row.try_get::<_, Option<i16>>(at)?.map(i64::from).into(),
            Type::BOOL => row.try_get::<_, Option<bool>>(at)?.into(),
            Type::FLOAT8 => row.try_get::<_, Option<f64>>(at)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.into(),
            // Anything else must be a text, or the driver refuses the conversion.
            _ => row.try_get::<_, Option<String>>(at)?.into(),
        };
        values.push(value);
    }
    Ok(Row::new(values))
}
