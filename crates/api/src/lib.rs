//! The HTTP surface: REST under `/v1`, metrics, health.
//!
//! Routes come from the contract's operation table. A request passes, in this order: request id,
//! cross-origin rules, route, admission by the app, body, validation with all faults at once, the
//! use case. Admission comes before the body is read.
//!
//! | Module | Noun |
//! |---|---|
//! | [`address`] | the client's address behind proxies |
//! | [`answer`] | JSON, errors and downloads as responses |
//! | [`body`] | request bodies: limits, deadline, the process-wide budget |
//! | [`compress`] | gzip |
//! | [`config`] | limits, times, trust |
//! | [`cors`] | cross-origin rules |
//! | [`diagnostics`] | `/health`, `/livez`, `/readyz`, `/metrics`, `/sbom.json` |
//! | [`input`] | query string, credential, cookies |
//! | [`lift`] | contents that are decoded while their request arrives |
//! | [`operation`] | the one handler of every operation |
//! | [`pages`] | `/`, `/swagger.json`, `/robots.txt`, licence texts |
//! | [`pipeline`] | what happens to every request: id, log, count, panic, common headers |
//! | [`request_id`] | request ids |
//! | [`routes`] | the router, built from the contract |
//! | [`server`] | the listener: limits, deadlines, drain |

mod address;
mod answer;
mod body;
mod compress;
mod config;
mod cors;
mod diagnostics;
mod input;
mod lift;
mod operation;
mod pages;
mod pipeline;
mod request_id;
mod routes;
mod server;

pub use body::SMALL_BODY;
pub use config::{ApiConfig, CorsConfig};
pub use server::Server;
