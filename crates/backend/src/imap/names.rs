//! Names of attachments that BODYSTRUCTURE does not tell whole. Servers read parameters by the book: of `filename=my plan.pdf` they
//! keep `my`, of a name whose quote is never closed nothing. The header of the part has it all.

use std::collections::BTreeMap;

use posthouse_imap::{BodyPart, FetchItem, SectionData, SequenceSet};
use posthouse_mime::{
    param::{filename, split_params},
    parse_headers,
};

use super::{
    connect::{Conn, command_error},
    structure::Parts,
};
use crate::BackendError;

/// Names of one message that are looked up.
const MOST: usize = 20;

/// Whether the name may be more than what BODYSTRUCTURE holds: a file has one, and mostly with an extension.
pub fn is_doubtful(part: &BodyPart, name: Option<&str>) -> bool {
    let is_file = part
        .disposition
        .as_ref()
        .is_some_and(|d| d.kind == "attachment");
    part.media_type != "message" && name.map_or(is_file, |name| !name.contains('.'))
}

/// The section with the header of a part; none where servers do not agree on it.
pub fn header_section(part: &str, in_multipart: bool, in_message: bool) -> Option<String> {
    match (in_multipart, in_message) {
        (true, _) => Some(format!("{part}.MIME")),
        (false, false) => Some("HEADER.FIELDS (CONTENT-DISPOSITION CONTENT-TYPE)".to_owned()),
        (false, true) => None,
    }
}

/// The name that the header of a part gives its file.
pub fn of_header(raw: &[u8]) -> Option<String> {
    let headers = parse_headers(raw);
    let params = |name| split_params(headers.raw(name).unwrap_or_default()).1;
    filename(&params("Content-Disposition"), &params("Content-Type"))
}

/// Looks up the names that are in doubt in messages of the open folder, by their UIDs.
///
/// # Errors
/// When the connection is lost.
pub async fn complete(
    session: &mut Conn,
    messages: &mut [(u32, &mut Parts)],
) -> Result<(), BackendError> {
    let mut groups: BTreeMap<Vec<String>, SequenceSet> = BTreeMap::new();
    for (uid, parts) in messages.iter() {
        let sections = parts.doubtful.iter().take(MOST);
        let sections: Vec<String> = sections.map(|(_, section)| section.clone()).collect();
        if !sections.is_empty() {
            groups.entry(sections).or_default().add(*uid);
        }
    }
    for (sections, uids) in groups {
        let mut items = vec![FetchItem::Uid];
        items.extend(sections.iter().map(FetchItem::body));
        let pieces = match session.fetch(uids, &items).await {
            Ok(pieces) => pieces,
            // The names stay as they are.
            Err(error) if error.is_refusal() => continue,
            Err(error) => return Err(command_error(error)),
        };
        for fetch in pieces {
            let parts = messages.iter_mut().find(|(uid, _)| fetch.uid == Some(*uid));
            let Some((_, parts)) = parts else { continue };
            for (place, section) in &parts.doubtful {
                let Some(SectionData::Bytes(raw)) =
                    fetch.section(section).map(|section| &section.data)
                else {
                    continue;
                };
                if let (Some(name), Some(file)) =
                    (of_header(raw), parts.attachments.get_mut(*place))
                    && file
                        .filename
                        .as_ref()
                        .is_none_or(|known| known.len() < name.len())
                {
                    file.filename = Some(name);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::of_header;

    #[test]
    fn names_of_careless_headers() {
        for (header, name) in [
            (
                "attachment; filename=my plan for May.pdf",
                "my plan for May.pdf",
            ),
            ("attachment; filename=plan(1).pdf; size=3", "plan(1).pdf"),
            ("attachment; filename=\"plan.pdf", "plan.pdf"),
            ("attachment;; filename=plan.pdf", "plan.pdf"),
            ("attachment; filename=a:b.pdf", "a:b.pdf"),
            ("attachment; filename*=utf-8''%C3%A9 t.pdf", "é t.pdf"),
        ] {
            let raw = format!("Content-Type: a/b\r\nContent-Disposition: {header}\r\n\r\n");
            assert_eq!(of_header(raw.as_bytes()).as_deref(), Some(name), "{header}");
        }
        assert_eq!(of_header(b"Content-Type: a/b\r\n\r\n"), None);
    }
}
