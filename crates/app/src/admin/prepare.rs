//! The password that configuration or command line set, on a bare store.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use posthouse_model::Timestamp;
use posthouse_store::{Batch, Store};

use super::{
    password::{PasswordRecord, pbkdf2_record},
    record::{AuthData, forget_totp},
};
use crate::commands::CommandError;

/// Stores a password that the command line chose and switches one-time passwords off: the way back
/// in for who lost both. The answer is the record in the form that [`store_prepared_password`] reads.
pub(crate) async fn store_new_password(
    store: &Store,
    password: &str,
) -> Result<String, CommandError> {
    let record = pbkdf2_record(password)
        .map_err(|error| CommandError::Invalid(format!("no random numbers: {error}")))?;
    let (previous, read) = AuthData::read_to_replace(store).await?;
    let auth = AuthData::with_password(previous.as_ref(), record, Timestamp::now());
    let mut batch = Batch::new();
    auth.write(store, &mut batch, &read).await?;
    forget_totp(&mut batch);
    store.commit(batch).await?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(&auth.password))
}

/// Stores the password record that the configuration names, base64url of a PHC string. One that is
/// stored already changes nothing, so that sessions outlive a restart.
pub(crate) async fn store_prepared_password(store: &Store, text: &str) -> Result<(), CommandError> {
    let invalid = |reason: &str| CommandError::Invalid(reason.to_owned());
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(text.trim().trim_end_matches('='))
        .map_err(|_| invalid("it is not base64url"))?;
    let record = String::from_utf8(bytes).map_err(|_| invalid("it is no text"))?;
    let record = record.trim().to_owned();
    PasswordRecord::parse(&record).map_err(|error| CommandError::Invalid(error.to_string()))?;
    let (previous, read) = AuthData::read_to_replace(store).await?;
    if previous
        .as_ref()
        .is_some_and(|auth| auth.password == record)
    {
        return Ok(());
    }
    let auth = AuthData::with_password(previous.as_ref(), record, Timestamp::now());
    let mut batch = Batch::new();
    auth.write(store, &mut batch, &read).await?;
    store.commit(batch).await?;
    Ok(())
}
