//! A small, bounded tree of a foreign document. No document type is taken, so there are no entities to expand.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

/// Largest document, in bytes.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// How deep elements may stand in one another.
const MAX_DEPTH: usize = 32;
/// How many elements there may be.
const MAX_ELEMENTS: usize = 4096;

/// An element with what configuration files use of it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    name: String,
    /// The attribute `type`.
    kind: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Reads a document; its first element. None when it is no XML, too large, too deep, or declares a document type.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        if document.len() > MAX_BYTES {
            return None;
        }
        // What is not UTF-8 cannot be part of a host name.
        let text = String::from_utf8_lossy(document);
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        // The document stands around the elements that are open.
        let mut open = vec![Self::default()];
        let mut count = 0;
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    count += 1;
                    if count > MAX_ELEMENTS || open.len() > MAX_DEPTH {
                        return None;
                    }
                    open.push(Self::of(&tag));
                }
                Event::Empty(tag) => {
                    count += 1;
                    if count > MAX_ELEMENTS {
                        return None;
                    }
                    open.last_mut()?.children.push(Self::of(&tag));
                }
                Event::End(_) => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text),
                Event::CData(text) => open.last_mut()?.text.push_str(&text),
                Event::GeneralRef(reference) => {
                    let into = &mut open.last_mut()?.text;
                    match reference.resolve_char_ref().ok()? {
                        Some(char) => into.push(char),
                        None => into.push_str(resolve_xml_entity(&reference)?),
                    }
                }
                Event::DocType(_) => return None,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        match open.as_mut_slice() {
            [document] => document.children.drain(..).next(),
            _ => None,
        }
    }

    fn of(tag: &BytesStart<'_>) -> Self {
        let kind = tag
            .attributes()
            // Looking for repetitions would take time by the square of their number.
            .with_checks(false)
            .filter_map(Result::ok)
            .find(|attribute| attribute.key.as_ref() == "type")
            .map(|attribute| attribute.value.trim().to_owned());
        Self {
            name: tag.local_name().as_ref().to_owned(),
            kind: kind.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Whether it has this name, whatever its namespace.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether its attribute `type` is this.
    pub(crate) fn is_kind(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// The children of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.is(name))
    }

    /// The text of the first child of this name, if there is any in it.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        let named = self.children.iter().filter(|child| child.is(name));
        named
            .map(|child| child.text.trim())
            .find(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_names_kinds_and_texts() {
        let document = b"\xef\xbb\xbf<?xml version='1.0'?><!-- x --><x:a xmlns:x='urn:x'><b type=' imap '>1 &amp; &#50;<![CDATA[<3]]></b><b/></x:a>";
        let root = Element::parse(document).unwrap();
        assert!(root.is("a"));
        assert_eq!(root.text_of("b"), Some("1 & 2<3"));
        assert!(root.all("b").next().unwrap().is_kind("IMAP"));
    }

    #[test]
    fn bounds_hold() {
        for bad in [
            String::new(),
            "no xml".to_owned(),
            "<a>".to_owned(),
            "<a></b>".to_owned(),
            "</a>".to_owned(),
            "<a>&unknown;</a>".to_owned(),
            "<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>".to_owned(),
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>".to_owned(),
            "<a>".repeat(MAX_DEPTH + 1) + &"</a>".repeat(MAX_DEPTH + 1),
            format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS)),
            format!("<a>{}</a>", " ".repeat(MAX_BYTES)),
        ] {
            assert!(Element::parse(bad.as_bytes()).is_none(), "{:.60}", bad);
        }
        let deep = "<a>".repeat(MAX_DEPTH) + &"</a>".repeat(MAX_DEPTH);
        assert!(Element::parse(deep.as_bytes()).is_some());
    }

    #[test]
    fn many_attributes_cost_no_more_than_their_length() {
        let attributes: String = (0..30_000).map(|n| format!(" a{n}=''")).collect();
        let started = std::time::Instant::now();
        let _ = Element::parse(format!("<a{attributes}/>").as_bytes());
        assert!(started.elapsed() < std::time::Duration::from_secs(1));
    }
}
