//! What DNS tells of mail. It finds the mail servers of an address: known providers by their MX records, DNS service records, autoconfiguration files
//! and Exchange autodiscover. It knows neither accounts nor the store, and never sees a password. And it judges whether a message that
//! arrived is what it says.
//!
//! | Module | What |
//! |---|---|
//! | `discoverer` | the order: known providers first, then a race of five |
//! | `address` | a mail address, its domain in IDNA form |
//! | `found` | what is found |
//! | `providers` | the table of known providers and of app passwords (`providers.toml`) |
//! | `dns` | MX, SRV and address records |
//! | `srv` | mail services in DNS (RFC 6186, RFC 8314) |
//! | `fetch` | documents over HTTP, small and from allowed addresses |
//! | `xml` | a small, bounded tree of a foreign document |
//! | `autoconfig` | configuration files in Mozilla's format |
//! | `autodiscover` | Exchange autodiscover, plain XML |
//! | `authentication` | how a message that arrived fares by SPF, DKIM, DMARC, ARC and BIMI |
//! | `config` | what the process decides |

mod address;
mod authentication;
mod autoconfig;
mod autodiscover;
mod config;
mod discoverer;
mod dns;
mod fetch;
mod found;
mod providers;
mod srv;
mod xml;

pub use authentication::{
    Alignment, Arc, Authentication, AuthenticationError, Bimi, Dkim, Dmarc, Identifier,
    ReceiverVerdicts, Signature, Spf, Status, verdict,
};
pub use config::DiscoverConfig;
pub use discoverer::{DiscoverError, Discoverer};
pub use found::{AppPassword, Discovered, Login, Server, source};
