//! The pages: the console under `/admin`, hosted authentication under `/accounts/new`, the landing page.
//!
//! Pages are rendered by the server from typed templates (`templates/`), work without JavaScript, and
//! load nothing from elsewhere. Whatever they show or do goes through `app`: mostly the operations of the
//! contract, called by their id with the administrator's own rights.
//!
//! | Module | Noun |
//! |---|---|
//! | [`router`] | every path and what stands before it |
//! | [`guard`] | who may enter the console |
//! | [`cookie`] | cookies of a request |
//! | [`crumb`] | proof that a form was sent from our own page |
//! | [`headers`] | the content security policy and its kin |
//! | [`assets`] | style sheets, scripts, pictures |
//! | [`page`] | what a page of the console has at hand; the frame around it |
//! | [`form`] | submitted forms |
//! | [`flash`] | one message for the next page |
//! | [`fail`] | errors as pages |
//! | [`i18n`] | languages of the public pages |
//! | [`icon`] | icons |
//! | [`login`] | the cookie of a session, where to go on after the login |
//! | [`show`] | numbers, times, sizes for reading |
//! | [`pager`] | links to the other pages of a list |
//! | [`chart`] | bar charts over time |
//! | [`console`] | the pages of the console, one module a room |
//! | [`public`] | pages for everybody |

mod assets;
mod chart;
mod console;
mod cookie;
mod crumb;
mod fail;
mod flash;
mod form;
mod guard;
mod headers;
mod i18n;
mod icon;
mod login;
mod page;
mod pager;
mod public;
mod router;
mod show;

pub use router::router;
