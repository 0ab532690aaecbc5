use posthouse_mime::{
    decode_param,
    param::{filename, split_params},
};

fn name(pairs: &[(&str, &str)]) -> Option<String> {
    decode_param(pairs, "filename")
}

#[test]
fn forms() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("filename", "a.txt")], "a.txt"),
        (&[("FILENAME", "a.txt")], "a.txt"),
        (&[("filename*", "utf-8''na%C3%AFve.txt")], "naïve.txt"),
        (&[("filename*", "iso-8859-1'en'%A3%20rates")], "£ rates"),
        (&[("filename*", "UTF-8''a%2Fb")], "a/b"),
        (
            &[("filename", "fallback"), ("filename*", "utf-8''r%C3%A9el")],
            "réel",
        ),
        // RFC 2231 section 3 and 4.1, in any order
        (&[("filename*0", "one "), ("filename*1", "two")], "one two"),
        (&[("filename*1", "two"), ("filename*0", "one ")], "one two"),
        (
            &[
                ("filename*0*", "us-ascii'en'This%20is%20"),
                ("filename*1*", "fun%20"),
                ("filename*2", "isn't%20it!"),
            ],
            "This is fun isn't%20it!",
        ),
        // a character split between sections
        (
            &[("filename*0*", "utf-8''caf%C3"), ("filename*1*", "%A9")],
            "café",
        ),
        // ten sections: by number, not by text
        (
            &[
                ("filename*10", "k"),
                ("filename*9", "j"),
                ("filename*8", "i"),
                ("filename*0", "a"),
            ],
            "aijk",
        ),
        // wild: encoded words in the value, whole or in sections
        (&[("filename", "=?utf-8?Q?caf=C3=A9?=.txt")], "café.txt"),
        (
            &[("filename*0", "=?utf-8?B?Y2Fm"), ("filename*1", "w6k=?=")],
            "café",
        ),
        // wild: raw 8-bit, no charset, extended form under the plain name
        (&[("filename", "café.txt")], "café.txt"),
        (&[("filename*", "caf%C3%A9.txt")], "café.txt"),
        (&[("filename", "utf-8''caf%C3%A9.txt")], "café.txt"),
        (&[("filename", "it's 'fine'.txt")], "it's 'fine'.txt"),
        (&[("filename*", "x-none''caf%C3%A9")], "café"),
        (&[("filename*", "utf-8''bad%ZZ%4")], "bad%ZZ%4"),
        (&[("filename", "a\r\nb\0.txt")], "a b.txt"),
    ];
    for (pairs, expected) in table {
        assert_eq!(name(pairs).as_deref(), Some(*expected), "{pairs:?}");
    }
    assert_eq!(name(&[]), None);
    assert_eq!(
        name(&[("filenames", "x"), ("filename*x", "y"), ("name", "z")]),
        None
    );
}

#[test]
fn names_of_files() {
    let disposition = [("filename", "")];
    let kind = [("name", "b.txt")];
    assert_eq!(filename(&disposition, &kind).as_deref(), Some("b.txt"));
    assert_eq!(filename(&kind, &disposition), None);
}

#[test]
fn header_values() {
    let (kind, params) = split_params(b"Text/Plain; Charset=\"utf-8\"; (note; x=1) format = flowed;\r\n delsp=yes; x=\"a;\\\"b=c\"; flag");
    assert_eq!(kind, "text/plain");
    assert_eq!(decode_param(&params, "charset").as_deref(), Some("utf-8"));
    assert_eq!(decode_param(&params, "format").as_deref(), Some("flowed"));
    assert_eq!(decode_param(&params, "delsp").as_deref(), Some("yes"));
    assert_eq!(decode_param(&params, "x").as_deref(), Some("a;\"b=c"));
    assert_eq!(params.len(), 4);
    let (kind, params) = split_params(b"attachment; filename=\"C:\\dir\\file (1).txt\"");
    assert_eq!(kind, "attachment");
    assert_eq!(
        decode_param(&params, "filename").as_deref(),
        Some("C:\\dir\\file (1).txt")
    );
    assert_eq!(split_params(b""), (String::new(), Vec::new()));
}
