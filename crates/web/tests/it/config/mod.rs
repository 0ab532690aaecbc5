//! The pages of settings.

mod attack;
mod drawn;
mod groups;
mod values;
mod webhooks;
