//! What must hold for any bytes of a message. Shared by the fuzz targets here, by `examples/fuzz.rs` and by the tests.

use posthouse_mime::{
    Headers, calendar,
    decode::{TransferDecoder, decode},
    decode_param, decode_text,
    message::summary,
    param::{filename, split_params},
    parse_addresses, parse_date, parse_headers,
    raw::{HeaderEdits, edit_headers, envelope_of, strip_bcc},
    report::{self, Candidate, Report},
    text::{TextDecoder, TextFormat, text_from},
};

const ENCODINGS: [&str; 5] = ["base64", "quoted-printable", "x-uuencode", "7bit", ""];

const CHARSETS: [&str; 16] = [
    "",
    "utf-8",
    "us-ascii",
    "utf-7",
    "utf-16",
    "iso-8859-1",
    "windows-1251",
    "koi8-r",
    "iso-2022-jp",
    "iso-2022-kr",
    "hz-gb-2312",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-kr",
    "x-unknown",
];

/// No line break and no control character gets out of a header: it could become a line of another one.
fn is_clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The header of a message.
pub fn header(data: &[u8]) {
    let headers: Headers = parse_headers(data);
    assert!(headers.len() <= data.len());
    for (name, values) in headers.view() {
        assert!(!name.is_empty() && values.iter().all(|value| is_clean(value)));
    }
    let summary = summary(data);
    assert!(summary.subject.is_none_or(|subject| is_clean(&subject)));
    assert!(summary.references.iter().all(|id| is_clean(id)));
    let _ = (envelope_of(data), strip_bcc(data));
    let edited = edit_headers(data, &HeaderEdits::new());
    assert!(edited.body <= data.len());
    let _ = parse_date(&String::from_utf8_lossy(data));
}

/// A list of addresses.
pub fn addresses(data: &[u8]) {
    let list = parse_addresses(data);
    assert!(list.len() <= data.len());
    let mut length = 0;
    for entry in list {
        let name = entry.name.unwrap_or_default();
        assert!(is_clean(&entry.address) && is_clean(&name));
        length += entry.address.len() + name.len();
    }
    // A byte becomes three at most, and what is quoted gets its quotes.
    assert!(length <= 3 * data.len() + 8, "{length} of {}", data.len());
}

/// Encoded words, and parameters of a type.
pub fn words(data: &[u8]) {
    assert!(is_clean(&decode_text(data)));
    let (kind, params) = split_params(data);
    assert!(kind.len() <= 3 * data.len());
    for (name, _) in &params {
        let name = String::from_utf8_lossy(name).into_owned();
        assert!(decode_param(&params, &name).is_none_or(|value| is_clean(&value)));
    }
    assert!(filename(&params, &params).is_none_or(|name| is_clean(&name)));
    let middle = data.len() / 2;
    let (one, two) = data.split_at(middle);
    let pieces = [("name*1*", two), ("name*0*", one), ("name", data)];
    let _ = decode_param(&pieces, "name");
}

/// A body: how it is cut on its way changes nothing.
pub fn body(data: &[u8]) {
    let [first, second, bytes @ ..] = data else {
        return;
    };
    let encoding = ENCODINGS[usize::from(*first) % ENCODINGS.len()];
    let step = usize::from(*second % 61) + 1;
    let whole = decode(encoding, bytes);
    assert!(whole.len() <= bytes.len() + 2);
    let (mut decoder, mut out) = (TransferDecoder::new(encoding), Vec::new());
    for piece in bytes.chunks(step) {
        decoder.push(piece, &mut out);
    }
    decoder.finish(&mut out);
    assert!(out == whole, "cuts matter to {encoding}");
    let format = TextFormat {
        transfer: encoding,
        charset: CHARSETS[usize::from(*second) % CHARSETS.len()],
        flowed: first & 64 != 0,
        delsp: first & 128 != 0,
        html: first & 32 != 0,
    };
    for max in [usize::from(*first), 1 << 20] {
        let mut decoder = TextDecoder::new(&format, max);
        for piece in bytes.chunks(step) {
            decoder.push(piece);
        }
        let (text, more) = decoder.finish();
        let at_once = text_from(bytes, &format, max);
        assert!(at_once == (text, more), "cuts matter to {format:?}");
        // Flowed lines may get the space after their quotes.
        assert!(format.flowed || at_once.0.len() <= max);
        assert!(!at_once.0.contains(['\0', '\r']));
    }
    let _ = calendar::parse(&String::from_utf8_lossy(bytes));
}

/// A message that may report on another one.
pub fn reports(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let verdict = report::judge(&text, None);
    assert!(verdict.retry_after.is_none_or(|seconds| seconds > 0));
    match report::read(data, Candidate::ANY) {
        Some(Report::Bounce(bounce)) => {
            assert!(bounce.message_id.starts_with('<') && is_clean(&bounce.message_id));
            for failure in std::iter::once(&bounce.failure).chain(&bounce.others) {
                assert!(failure.recipient.contains('@') && is_clean(&failure.recipient));
                let message = failure.response.message.as_deref().unwrap_or_default();
                assert!(message.chars().count() <= 2_000 && is_clean(message));
            }
        }
        Some(Report::Complaint(complaint)) => assert!(complaint.arf.contains_key("originalRcptTo")),
        Some(Report::Delivery(report)) => assert!(!report.0.is_empty()),
        None => {}
    }
}
