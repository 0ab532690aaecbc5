//! Links in sent messages that tell of their readers, and links by which a reader leaves a list (behaviour 11.3).
//!
//! | Module | Noun |
//! |---|---|
//! | `link` | what a link says, and its signature |
//! | `visit` | a link that was followed |
//! | `robot` | readers that are no people |

mod link;
mod robot;
mod visit;

pub use link::LinkFault;
pub(crate) use link::Links;
pub use visit::{Leaving, LinkVisit};
